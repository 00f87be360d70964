import { mkdir, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { InvalidOptionError } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../test-support.js'
import { hubSettings } from './hub-settings.js'

const cacheOf = async (environment: Record<string, string>, cache?: string | URL) => (await hubSettings({ cache }, environment)).cache

describe('the settings of the hub', () => {
  it('are those of huggingface_hub where nothing is set', async () => {
    expect(await hubSettings({}, { HF_TOKEN_PATH: '/none' })).toEqual({
      endpoint: 'https://huggingface.co',
      cache: join(homedir(), '.cache/huggingface/hub'),
      token: undefined,
      offline: false,
      links: true,
      answerTimeout: 10_000,
      readTimeout: 10_000,
    })
  })

  it('find the cache as huggingface_hub does', async () => {
    expect(await cacheOf({ XDG_CACHE_HOME: '/xdg' })).toBe('/xdg/huggingface/hub')
    expect(await cacheOf({ XDG_CACHE_HOME: '/xdg', HF_HOME: '/home' })).toBe('/home/hub')
    expect(await cacheOf({ HF_HOME: '/home', HUGGINGFACE_HUB_CACHE: '/old' })).toBe('/old')
    expect(await cacheOf({ HF_HOME: '/home', HUGGINGFACE_HUB_CACHE: '/old', HF_HUB_CACHE: '/new' })).toBe('/new')
    expect(await cacheOf({ HF_HUB_CACHE: '/new' }, '/option')).toBe('/option')
    expect(await cacheOf({}, pathToFileURL('/url/of'))).toBe('/url/of')
    expect(await cacheOf({ HF_HOME: '', HF_HUB_CACHE: ' ' })).toBe(join(homedir(), '.cache/huggingface/hub'))
  })

  it('expand the home folder and variables', async () => {
    expect(await cacheOf({ HF_HOME: '~/models' })).toBe(join(homedir(), 'models/hub'))
    expect(await cacheOf({ HF_HUB_CACHE: '$DISK/hub/${PART}', DISK: '/disk', PART: 'a' })).toBe('/disk/hub/a')
    expect(await cacheOf({ HF_HUB_CACHE: '/a/$NONE' })).toBe('/a/$NONE')
  })

  it('take the token from the option, the variables or a file, in this order', async () => {
    const home = await temporaryFolder()
    await writeFile(join(home, 'token'), 'hf_file\n')
    await mkdir(join(home, 'other'))
    await writeFile(join(home, 'other', 'mine'), ' hf_mine ')
    const token = async (environment: Record<string, string>, option?: string | false) => (await hubSettings({ token: option }, { HF_HOME: home, ...environment })).token
    expect(await token({})).toBe('hf_file')
    expect(await token({ HF_TOKEN_PATH: join(home, 'other', 'mine') })).toBe('hf_mine')
    expect(await token({ HUGGING_FACE_HUB_TOKEN: 'hf_old' })).toBe('hf_old')
    expect(await token({ HF_TOKEN: 'hf_new\n', HUGGING_FACE_HUB_TOKEN: 'hf_old' })).toBe('hf_new')
    expect(await token({ HF_TOKEN: 'hf_new' }, 'hf_option')).toBe('hf_option')
    expect(await token({ HF_TOKEN: 'hf_new' }, false)).toBeUndefined()
    expect(await token({ HF_TOKEN: 'hf_new', HF_HUB_DISABLE_IMPLICIT_TOKEN: '1' })).toBeUndefined()
    expect(await token({ HF_TOKEN: 'hf_new', HF_HUB_DISABLE_IMPLICIT_TOKEN: '1' }, 'hf_option')).toBe('hf_option')
    await expect(token({ HF_TOKEN: 'hf_a\u0007secret' })).rejects.toThrow(InvalidOptionError)
    await expect(token({ HF_TOKEN: 'hf_a\u0007secret' })).rejects.not.toThrow(/secret/)
  })

  it('read timeouts in seconds, and take the usual ones for nonsense', async () => {
    const timeouts = async (value: string) => {
      const { answerTimeout, readTimeout } = await hubSettings({}, { HF_HUB_ETAG_TIMEOUT: value, HF_HUB_DOWNLOAD_TIMEOUT: value })
      return [answerTimeout, readTimeout]
    }
    expect(await timeouts('30')).toEqual([30_000, 30_000])
    for (const nonsense of ['0', '-1', 'long', '1e99']) expect(await timeouts(nonsense)).toEqual([10_000, 10_000])
  })

  it('take an endpoint without its last slash', async () => {
    expect((await hubSettings({ endpoint: 'https://mirror.example/hub//' }, {})).endpoint).toBe('https://mirror.example/hub')
    expect((await hubSettings({}, { HF_ENDPOINT: 'http://mirror' })).endpoint).toBe('http://mirror')
  })
})
