import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { cacheFolder } from './cache-folder.js'

describe('the folder of what can be made again', () => {
  it.each<[string, string | URL | undefined, Record<string, string>, string, string]>([
    ['what was told', '/told', { TENON_CACHE: '/own' }, 'linux', '/told'],
    ['also as an address', pathToFileURL('/told'), {}, 'linux', '/told'],
    ['below TENON_CACHE', undefined, { TENON_CACHE: '/own', XDG_CACHE_HOME: '/xdg' }, 'linux', '/own/weights'],
    ['below XDG_CACHE_HOME', undefined, { XDG_CACHE_HOME: '/xdg' }, 'darwin', '/xdg/tenon/weights'],
    ['below ~/.cache on Linux', undefined, { TENON_CACHE: ' ' }, 'linux', join(homedir(), '.cache/tenon/weights')],
    ['below ~/Library/Caches on a Mac', undefined, {}, 'darwin', join(homedir(), 'Library/Caches/tenon/weights')],
    ['below LOCALAPPDATA on Windows', undefined, { LOCALAPPDATA: '/local' }, 'win32', '/local/tenon/weights'],
  ])('is %s', (_, told, environment, platform, folder) => {
    expect(resolve(cacheFolder('weights', told, environment, platform))).toBe(resolve(folder))
  })
})
