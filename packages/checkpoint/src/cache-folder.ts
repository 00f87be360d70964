import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * Where what can be made again is kept: as told, or in a folder of this name in `TENON_CACHE`, or where this system has its caches.
 * @param told A path or a `file:` URL.
 */
export function cacheFolder(name: string, told?: string | URL, environment: Readonly<Record<string, string | undefined>> = process.env, platform: string = process.platform): string {
  if (told !== undefined) return told instanceof URL || told.startsWith('file:') ? fileURLToPath(told) : resolve(told)
  const variable = (each: string) => environment[each]?.trim() || undefined
  const own = variable('TENON_CACHE')
  return join(own === undefined ? join(systemCaches(variable, platform), 'tenon') : resolve(own), name)
}

function systemCaches(variable: (name: string) => string | undefined, platform: string): string {
  const named = variable('XDG_CACHE_HOME')
  if (named !== undefined) return resolve(named)
  if (platform === 'win32') return variable('LOCALAPPDATA') ?? join(homedir(), 'AppData', 'Local')
  return platform === 'darwin' ? join(homedir(), 'Library', 'Caches') : join(homedir(), '.cache')
}
