import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where quantised weights are kept: as told, in `TENON_CACHE`, or where this system has its caches. */
export function cacheFolder(told: string | URL | undefined, environment: Readonly<Record<string, string | undefined>>, platform: string = process.platform): string {
  if (told !== undefined) return told instanceof URL || told.startsWith('file:') ? fileURLToPath(told) : resolve(told)
  const variable = (name: string) => environment[name]?.trim() || undefined
  const own = variable('TENON_CACHE')
  return join(own === undefined ? join(systemCaches(variable, platform), 'tenon') : resolve(own), 'weights')
}

function systemCaches(variable: (name: string) => string | undefined, platform: string): string {
  const named = variable('XDG_CACHE_HOME')
  if (named !== undefined) return resolve(named)
  if (platform === 'win32') return variable('LOCALAPPDATA') ?? join(homedir(), 'AppData', 'Local')
  return platform === 'darwin' ? join(homedir(), 'Library', 'Caches') : join(homedir(), '.cache')
}
