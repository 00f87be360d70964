import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { config, tokenizer, visit, weights } from './test-support.js'

const files = { 'config.json': config, 'model.safetensors': weights(), 'tokenizer.json': tokenizer }
const offline = { offline: true }

describe('offline', () => {
  it('opens what the cache holds and sends nothing, by option and by variable', async () => {
    const { hub, checkpoint, asked } = await visit()
    const commit = hub.publish('owner/name', files)
    await checkpoint('owner/name')
    asked()
    for (const [options, environment] of [[offline, {}], [{}, { HF_HUB_OFFLINE: '1' }], [{}, { TRANSFORMERS_OFFLINE: 'yes' }], [{ offline: true }, { HF_HUB_OFFLINE: '0' }]] as const) {
      const opened = await checkpoint('owner/name', options, { environment })
      expect(opened.files).toEqual(['config.json', 'model.safetensors', 'tokenizer.json'])
      expect((await opened.tokenizer()).vocabularySize).toBe(1)
      await checkpoint(`owner/name@${commit}`, options, { environment })
    }
    expect(asked()).toEqual([])
    await checkpoint('owner/name', { offline: false }, { environment: { HF_HUB_OFFLINE: '1' } })
    expect(asked()).toHaveLength(1)
  })

  it('says which file is missing and how to get it', async () => {
    const { hub, cache, checkpoint, open } = await visit()
    const commit = hub.publish('owner/name', { ...files, 'onnx/model_q4.onnx': 'q4', 'onnx/model_q4.onnx_data': 'data' }, { revision: 'v1' })
    await checkpoint('owner/name@v1')
    const opened = await checkpoint('owner/name@v1', offline)
    const pointer = join(cache, 'models--owner--name/snapshots', commit)
    await expect(opened.path('onnx/model_q4.onnx')).rejects.toMatchObject({
      code: 'TENON_MISSING_FILE',
      path: join(pointer, 'onnx/model_q4.onnx'),
      remedy: 'Open the model once with a network and without HF_HUB_OFFLINE, or run: hf download owner/name onnx/model_q4.onnx --revision v1',
    })
    await expect(opened.path('none')).rejects.toThrow(/owner\/name has no such file at v1/)
    await expect(open('owner/name@v1', { ...offline, variant: 'q4' })).rejects.toThrow(/model_q4\.onnx does not exist, .*neither do onnx\/model_q4\.onnx_data.*hf download owner\/name onnx\/model_q4\.onnx onnx\/model_q4\.onnx_data --revision v1/)
    await rm(join(pointer, 'model.safetensors'))
    await expect(open('owner/name@v1', offline)).rejects.toMatchObject({ code: 'TENON_MISSING_FILE', path: join(pointer, 'model.safetensors') })
    await rm(join(pointer, 'tokenizer.json'))
    await rm(join(pointer, 'config.json'))
    await expect(open('owner/name@v1', offline)).rejects.toMatchObject({ code: 'TENON_MISSING_FILE', path: join(pointer, 'config.json') })
  })

  it('has nothing of what the cache knows nothing of, and says how to get it', async () => {
    const { hub, checkpoint, open } = await visit()
    hub.publish('owner/name', files)
    const nothing = { notFound: expect.stringMatching(/models--owner--name holds nothing of it at .*hf download owner\/name/) }
    expect(await open('owner/name', offline)).toEqual(nothing)
    await checkpoint('owner/name')
    expect(await open('owner/name@v2', offline)).toEqual(nothing)
    expect(await open(`owner/name@${'0'.repeat(40)}`, offline)).toEqual(nothing)
  })

  it('opens a snapshot of which no listing is kept, as older libraries leave it', async () => {
    const { hub, cache, checkpoint, asked } = await visit()
    const commit = hub.publish('owner/name', { ...files, 'README.md': '# name' })
    await (await checkpoint('owner/name')).json('none.json')
    const folder = join(cache, 'models--owner--name')
    await rm(join(folder, 'trees'), { recursive: true })
    const opened = await checkpoint('owner/name', offline)
    expect(opened.files).toEqual(['config.json', 'model.safetensors', 'tokenizer.json'])
    await expect(opened.path('README.md')).rejects.toThrow(/README\.md does not exist, and the hub is not asked in offline mode.*hf download owner\/name README\.md/)
    await expect(opened.path('none.json')).rejects.toThrow(/owner\/name has no such file/) // .no_exist says so

    asked()
    const pinned = await checkpoint(`owner/name@${commit}`)
    expect(asked()).toEqual([])
    expect(await readFile(await pinned.path('README.md'), 'utf8')).toBe('# name') // asks for the listing now
    expect(asked()).toHaveLength(2)

    await rm(join(folder, 'trees'), { recursive: true, force: true })
    await rm(join(folder, 'snapshots', commit, 'tokenizer.json'))
    expect((await checkpoint(`owner/name@${commit}`)).files).toContain('tokenizer.json') // too little to do without the hub
  })
})

describe('a hub that gives no answer', () => {
  it.each<[string, Record<string, unknown>]>([
    ['is broken', { status: 503 }],
    ['limits requests', { status: 429, headers: { 'retry-after': '60' } }],
    ['no longer shows the model', { status: 401, headers: { 'x-error-code': 'RepoNotFound' } }],
    ['answers with a login page', { body: '<html>' }],
  ])('that %s leaves what the cache holds, with a notice', async (_, fault) => {
    const { hub, checkpoint, events, pauses } = await visit()
    hub.publish('owner/name', files)
    await checkpoint('owner/name')
    hub.fault = () => fault
    events.length = 0
    const opened = await checkpoint('owner/name')
    expect((await opened.tokenizer()).vocabularySize).toBe(1)
    expect(events).toEqual([{ type: 'notice', code: 'TENON_HUB_FROM_CACHE', message: expect.stringMatching(/^owner\/name is opened as it was last fetched, commit [0-9a-f]{7}/) }])
    expect(pauses).toEqual([])
  })

  it('that is away leaves what the cache holds, and is said to be away where it holds too little', async () => {
    const { hub, checkpoint, open, events, pauses } = await visit()
    hub.publish('owner/name', files)
    await checkpoint('owner/name')
    await hub[Symbol.asyncDispose]()
    expect((await checkpoint('owner/name')).constants.size).toBe(1)
    expect(events.at(-1)).toMatchObject({ code: 'TENON_HUB_FROM_CACHE', message: expect.stringContaining('ECONNREFUSED') })
    expect(pauses).toEqual([])
    await expect(open('owner/other')).rejects.toMatchObject({ code: 'TENON_DOWNLOAD', message: expect.stringMatching(/cannot be reached: .*ECONNREFUSED.*Check the connection/) })
    expect(pauses).toHaveLength(4)
    await expect(open('owner/name', { variant: 'q8' })).rejects.toMatchObject({ code: 'TENON_DOWNLOAD' })
  })

  it('without the revision any more is no reason to use the cache', async () => {
    const { hub, checkpoint, open } = await visit()
    hub.publish('owner/name', files, { revision: 'v1' })
    await checkpoint('owner/name@v1')
    hub.fault = () => ({ status: 404, headers: { 'x-error-code': 'RevisionNotFound' } })
    await expect(open('owner/name@v1')).rejects.toMatchObject({ code: 'TENON_NO_SUCH_REVISION' })
  })

  it('in the middle of a new revision leaves the one before in use', async () => {
    const { hub, cache, checkpoint, open } = await visit()
    const before = hub.publish('owner/name', files)
    await checkpoint('owner/name')
    hub.publish('owner/name', { ...files, 'model.safetensors': weights(32) })
    hub.fault = ({ host }) => (host === 'cdn' ? { status: 500 } : undefined)
    await expect(open('owner/name')).rejects.toMatchObject({ code: 'TENON_DOWNLOAD' })
    expect(await readFile(join(cache, 'models--owner--name/refs/main'), 'utf8')).toBe(before)
    expect((await checkpoint('owner/name', offline)).constants.get('weight')?.byteLength).toBe(16)
    expect(await readdir(join(cache, 'models--owner--name/snapshots'))).toHaveLength(2)
  })
})
