import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A fixture of `@tenon/models` whose config has no `architectures`, as those written by hand often have none. Deleted when it is disposed of. */
export async function withoutClass(fixture: string): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'tenon-cli-'))
  await cp(fileURLToPath(new URL(`../../../models/fixtures/${fixture}`, import.meta.url)), path, { recursive: true })
  const config = JSON.parse(await readFile(join(path, 'config.json'), 'utf8')) as Record<string, unknown>
  await writeFile(join(path, 'config.json'), JSON.stringify({ ...config, architectures: undefined }))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}
