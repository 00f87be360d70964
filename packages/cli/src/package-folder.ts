import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder of this package, from the built files as from the sources. */
function packageFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder)
  return folder
}

export function packageVersion(): string {
  const manifest = JSON.parse(readFileSync(join(packageFolder(), 'package.json'), 'utf8')) as { version: string }
  return manifest.version
}

/** The example documents, where the package stands in its repository. */
export function examplesFolder(): string | undefined {
  const folder = join(packageFolder(), '..', '..', 'examples', 'knowledge-base')
  return existsSync(folder) ? folder : undefined
}
