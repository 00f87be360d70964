import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'

/** The version of a package as another one finds it, or `undefined` where it does not. Loads neither. */
export async function installedVersion(name: string, dependent: string): Promise<string | undefined> {
  try {
    const manifest = createRequire(import.meta.url).resolve(`${dependent}/package.json`)
    for (const modules of createRequire(manifest).resolve.paths(name) ?? []) {
      const found = await readFile(join(modules, name, 'package.json'), 'utf8').catch(() => undefined)
      if (found !== undefined) return (JSON.parse(found) as { version?: string }).version
    }
  } catch {
    // The dependent is not installed: then neither is what it needs.
  }
  return undefined
}

