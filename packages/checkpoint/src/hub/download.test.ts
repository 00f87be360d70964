import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createServer } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { sha256, startHub, type SeenRequest } from './test-hub.js'
import { config, visit, weights } from './test-support.js'

const model = weights(3_000_000)
const files = { 'config.json': config, 'model.safetensors': model }
const blobs = (cache: string) => join(cache, 'models--owner--name/blobs')
const partial = `${sha256(model)}.tenon.incomplete`

const isApi = ({ url }: SeenRequest) => url.startsWith('/api/')
const isCdn = ({ host }: SeenRequest) => host === 'cdn'
const ranges = (requests: readonly SeenRequest[]) => requests.filter(isCdn).map(({ range }) => range)

describe('a download', () => {
  it('goes on where the connection broke, as often as it brings something', async () => {
    const { hub, checkpoint, pauses, events } = await visit()
    hub.publish('owner/name', files)
    hub.fault = (request) => (isCdn(request) ? { cutAfter: 1_000_000 } : undefined)
    const opened = await checkpoint('owner/name')
    expect(sha256((await opened.constants.get('weight')!.bytes()))).toBe(sha256(model.slice(-3_000_000)))
    const starts = ranges(hub.requests).map((range) => Number(/^bytes=(\d+)-$/.exec(range ?? 'bytes=0-')?.[1]))
    expect(starts[0]).toBe(0)
    expect(starts.length).toBeGreaterThanOrEqual(4)
    expect(starts.every((start, index) => index === 0 || start > starts[index - 1]!)).toBe(true)
    expect(pauses).toHaveLength(starts.length - 1)
    const done = events.flatMap((event) => (event.type === 'progress' && event.total === model.byteLength ? [event.done] : []))
    expect(done).toEqual(done.toSorted((a, b) => a - b))
    expect(done.at(-1)).toBe(model.byteLength)
  })

  it('gives up after five attempts that bring nothing, and goes on from there the next time', async () => {
    const { hub, cache, open, checkpoint, pauses } = await visit()
    hub.publish('owner/name', files)
    let cuts = 0
    hub.fault = (request) => (isCdn(request) ? { cutAfter: cuts++ === 0 ? 2_000_000 : 0 } : undefined)
    await expect(open('owner/name')).rejects.toMatchObject({ code: 'TENON_DOWNLOAD', url: expect.not.stringContaining('signature') })
    expect(cuts).toBe(5)
    expect(pauses).toHaveLength(4)
    const { size } = await stat(join(blobs(cache), partial))
    expect(size).toBeGreaterThan(1_000_000)
    hub.fault = () => undefined
    hub.requests.length = 0
    await checkpoint('owner/name')
    expect(ranges(hub.requests)).toEqual([`bytes=${size}-`])
    expect(await readdir(blobs(cache))).not.toContain(partial)
  })

  it.each([`${sha256(model)}.incomplete`, `${sha256(model)}.0123abcd.incomplete`])('goes on with what huggingface_hub left as %s', async (name) => {
    const { hub, cache, checkpoint } = await visit()
    hub.publish('owner/name', files)
    await mkdir(blobs(cache), { recursive: true })
    await writeFile(join(blobs(cache), name), model.subarray(0, 2_000_000))
    await checkpoint('owner/name')
    expect(ranges(hub.requests)).toEqual(['bytes=2000000-'])
    expect(sha256(await readFile(join(blobs(cache), sha256(model))))).toBe(sha256(model))
  })

  it('begins anew when what was left is wrong, too long, or when the server ignores ranges', async () => {
    for (const [left, fault, expected] of [
      [weights(1_000_000, 7), {}, [expect.stringMatching(/^bytes=/), undefined]],
      [weights(4_000_000), {}, [undefined]],
      [model.subarray(0, 2_000_000), { ignoresRange: true }, ['bytes=2000000-']],
    ] as const) {
      const { hub, cache, checkpoint, events } = await visit()
      hub.publish('owner/name', files)
      hub.fault = (request) => (isCdn(request) ? fault : undefined)
      await mkdir(blobs(cache), { recursive: true })
      await writeFile(join(blobs(cache), partial), left)
      expect((await checkpoint('owner/name')).constants.size).toBe(1)
      expect(ranges(hub.requests)).toEqual(expected)
      expect(events.at(-1)).toMatchObject({ done: model.byteLength, total: model.byteLength })
    }
  })

  it('takes a file that was complete but for its name without asking', async () => {
    const { hub, cache, checkpoint } = await visit()
    hub.publish('owner/name', files)
    await mkdir(blobs(cache), { recursive: true })
    await writeFile(join(blobs(cache), partial), model)
    expect((await checkpoint('owner/name')).constants.size).toBe(1)
    expect(ranges(hub.requests)).toEqual([])
  })

  it.each([
    ['large', 'model.safetensors', weights(3_000_000, 2)],
    ['small', 'config.json', '{"model_type":"evil"}'.padEnd(config.length).slice(0, config.length)],
  ])('refuses a %s file with another hash, and keeps nothing of it', async (_, file, body) => {
    const { hub, cache, open } = await visit()
    hub.publish('owner/name', files)
    hub.fault = (request) => ((file === 'config.json' ? request.url.endsWith(file) : isCdn(request)) ? { body } : undefined)
    await expect(open('owner/name')).rejects.toMatchObject({ code: 'TENON_INVALID_FILE', message: expect.stringMatching(/is not the file that the hub lists/) })
    expect((await readdir(blobs(cache))).filter((blob) => blob.includes('incomplete') || blob === sha256(model))).toEqual([])
    expect(await readdir(join(cache, 'models--owner--name'))).not.toContain('refs')
  })

  it.each([
    ['longer', Buffer.concat([model, Buffer.from('x')]), 'TENON_INVALID_FILE'],
    ['shorter', model.subarray(0, 2_999_999), 'TENON_DOWNLOAD'],
    ['only a web page', '<!doctype html>', 'TENON_DOWNLOAD'],
  ])('refuses a file that is %s, where the hub lists another length', async (_, body, code) => {
    const { hub, cache, open } = await visit()
    hub.publish('owner/name', files)
    hub.fault = (request) => (isCdn(request) ? { body } : undefined)
    await expect(open('owner/name')).rejects.toMatchObject({ code })
    expect(await readdir(blobs(cache))).not.toContain(sha256(model))
  })

  it('ends with a coded error when nothing comes for too long, and keeps what came', async () => {
    const { hub, cache, open } = await visit()
    hub.publish('owner/name', files)
    hub.fault = (request) => (isCdn(request) ? { stallAfter: 500_000 } : undefined)
    const began = performance.now()
    await expect(open('owner/name', {}, { environment: { HF_HUB_DOWNLOAD_TIMEOUT: '0.2' } })).rejects.toMatchObject({ code: 'TENON_DOWNLOAD', message: expect.stringContaining('sent nothing for 0.2 s') })
    expect(performance.now() - began).toBeLessThan(5000)
    expect((await stat(join(blobs(cache), partial))).size).toBeGreaterThan(0)
  })

  it('does not end while a slow server sends something', async () => {
    const { hub, checkpoint } = await visit()
    hub.publish('owner/name', { 'config.json': config, 'model.safetensors': weights(100_000) })
    hub.fault = (request) => (isCdn(request) ? { slow: 100 } : undefined)
    expect((await checkpoint('owner/name', {}, { environment: { HF_HUB_DOWNLOAD_TIMEOUT: '0.3' } })).constants.size).toBe(1) // 7 pieces, 0.6 s
  })

  it('ends with a coded error when the server does not begin to answer', async () => {
    const server = createServer(() => undefined)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const { open } = await visit()
    const { port } = server.address() as { port: number }
    await expect(open('a/b', { endpoint: `http://127.0.0.1:${port}` }, { environment: { HF_HUB_ETAG_TIMEOUT: '0.1' } })).rejects.toMatchObject({ code: 'TENON_DOWNLOAD', message: expect.stringContaining('sent nothing for 0.1 s') })
  })

  it.each([429, 500, 502, 503, 504, 408])('asks again after status %i', async (status) => {
    const { hub, checkpoint, pauses } = await visit()
    hub.publish('owner/name', { 'config.json': config, 'model.safetensors': weights() })
    const met = new Set<string>()
    hub.fault = ({ method, host, url }) => {
      const key = method + host + url
      if (met.has(key)) return undefined
      met.add(key)
      return { status }
    }
    expect((await checkpoint('owner/name')).constants.size).toBe(1)
    expect(pauses.length).toBeGreaterThanOrEqual(4)
    expect(pauses.every((pause) => pause >= 200 && pause < 1000)).toBe(true)
  })

  it('waits as long as the server asks, within reason', async () => {
    const { hub, checkpoint, open, pauses } = await visit()
    hub.publish('owner/name', { 'config.json': config, 'model.safetensors': weights() })
    const answers = ['7', new Date(Date.now() + 5000).toUTCString(), 'soon']
    hub.fault = (request) => {
      const retryAfter = isApi(request) ? answers.shift() : undefined
      return retryAfter === undefined ? undefined : { status: 429, headers: { 'retry-after': retryAfter } }
    }
    await checkpoint('owner/name')
    expect(pauses[0]).toBe(7000)
    expect(pauses[1]).toBeGreaterThan(3000)
    expect(pauses[2]).toBeLessThan(2000)
    hub.fault = () => ({ status: 429, headers: { 'retry-after': '3600' } })
    await expect(open('owner/name', { variant: 'q8' })).rejects.toMatchObject({ code: 'TENON_DOWNLOAD', message: expect.stringContaining('asks to be left alone for 3600 s') })
  })

  it('gives up when a server stays broken', async () => {
    const { hub, open, pauses } = await visit()
    hub.publish('owner/name', files)
    hub.fault = () => ({ status: 503 })
    await expect(open('owner/name')).rejects.toMatchObject({ code: 'TENON_DOWNLOAD', message: expect.stringContaining('answers 503') })
    expect(pauses).toHaveLength(4)
    expect(pauses.every((pause, index) => index === 0 || pause > pauses[index - 1]!)).toBe(true)
  })

  it('says that a login page answers in the stead of the hub', async () => {
    const { hub, open } = await visit()
    hub.publish('owner/name', files)
    for (const body of ['<html>Welcome to the hotel</html>', '{"sha":', '[]', '{"sha":"main","siblings":[]}', `{"sha":"${'0'.repeat(40)}"}`, `{"sha":"${'0'.repeat(40)}","siblings":[{}]}`]) {
      hub.fault = () => ({ body })
      await expect(open('owner/name')).rejects.toMatchObject({ code: 'TENON_INVALID_FILE', message: expect.stringContaining('login page') })
    }
    hub.fault = () => ({ body: '<html>', headers: { 'content-type': 'text/html' } })
    await expect(open('owner/name')).rejects.toThrow(/answers with a web page, not with JSON/)
  })

  it('ends within a moment when it is aborted, leaves what came, and goes on from there', async () => {
    const { hub, cache, open, checkpoint } = await visit()
    hub.publish('owner/name', files)
    hub.fault = (request) => (isCdn(request) ? { slow: 20 } : undefined)
    const controller = new AbortController()
    const opening = open('owner/name', {}, { signal: controller.signal })
    await setTimeout(400)
    const began = performance.now()
    controller.abort('enough')
    await expect(opening).rejects.toMatchObject({ code: 'TENON_ABORTED', cause: 'enough' })
    expect(performance.now() - began).toBeLessThan(200)
    const { size } = await stat(join(blobs(cache), partial))
    expect(size).toBeGreaterThan(0)
    expect(await readdir(join(cache, '.locks/models--owner--name'))).toEqual([])
    hub.fault = () => undefined
    hub.requests.length = 0
    await checkpoint('owner/name')
    expect(ranges(hub.requests)).toEqual([`bytes=${size}-`])
    await expect(open('owner/name', {}, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'TENON_ABORTED' })
  })

  it('ends what the checkpoint is fetching when it is disposed', async () => {
    const { hub, checkpoint } = await visit()
    hub.publish('owner/name', { ...files, 'onnx/model.onnx': model.slice(1) })
    const opened = await checkpoint('owner/name')
    hub.fault = (request) => (isCdn(request) ? { slow: 20 } : undefined)
    const fetching = opened.path('onnx/model.onnx').catch((error: unknown) => error)
    await setTimeout(200)
    await opened[Symbol.asyncDispose]()
    expect(await fetching).toMatchObject({ code: 'TENON_ABORTED' })
  })

  it('stops the other files when one fails', async () => {
    const { hub, open } = await visit()
    hub.publish('owner/name', {
      'config.json': config,
      'model.safetensors.index.json': '{"weight_map":{"weight":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}',
      'model-00001-of-00002.safetensors': model,
      'model-00002-of-00002.safetensors': weights(),
    })
    hub.fault = (request) => (isCdn(request) ? (request.url.includes(sha256(model)) ? { slow: 50 } : { body: weights(16, 9) }) : undefined) // slow: 9 s
    const began = performance.now()
    await expect(open('owner/name')).rejects.toMatchObject({ code: 'TENON_INVALID_FILE' })
    expect(performance.now() - began).toBeLessThan(3000)
  })
})

describe('a token', () => {
  it('goes to the hub and to no other host', async () => {
    const { hub, checkpoint } = await visit()
    hub.publish('owner/name', files)
    hub.protect('owner/name', 'hf_secret', 'GatedRepo')
    await checkpoint('owner/name', { token: 'hf_secret' })
    expect(hub.requests.filter(isCdn).map(({ authorization }) => authorization)).toEqual([undefined])
    expect(new Set(hub.requests.filter(({ host }) => host === 'hub').map(({ authorization }) => authorization))).toEqual(new Set(['Bearer hf_secret']))
  })

  it('does not go with a redirect of the listing to another host', async () => {
    const { hub, checkpoint } = await visit()
    await using other = await startHub()
    other.publish('owner/name', files)
    hub.fault = ({ url }) => ({ redirect: other.endpoint + url })
    await checkpoint('owner/name', { token: 'hf_secret' })
    expect(other.requests.length).toBeGreaterThan(2)
    expect(other.requests.filter(({ authorization }) => authorization !== undefined)).toEqual([])
  })

  it('is asked for where a model is gated, and never repeated in a message', async () => {
    const { hub, open } = await visit()
    hub.publish('owner/name', files)
    hub.protect('owner/name', 'hf_right', 'GatedRepo')
    await expect(open('owner/name')).rejects.toMatchObject({ code: 'TENON_ACCESS_DENIED', message: expect.stringMatching(/'owner\/name' is gated\. Accept its terms on .*owner\/name\. Pass a token, in the variable HF_TOKEN/) })
    const error = await open('owner/name', { token: 'hf_wrong' }).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'TENON_ACCESS_DENIED', remedy: expect.stringContaining('Check that the token is valid') })
    expect(`${(error as Error).message} ${(error as Error).stack}`).not.toContain('hf_wrong')
    hub.fault = () => ({ status: 401, headers: { 'x-error-message': 'Invalid credentials in Authorization header' } })
    await expect(open('owner/name', { token: 'hf_wrong' })).rejects.toMatchObject({ code: 'TENON_ACCESS_DENIED' })
    hub.fault = () => ({ status: 403 })
    await expect(open('owner/name')).rejects.toMatchObject({ code: 'TENON_ACCESS_DENIED' })
  })

  it('opens a private model that is otherwise said not to exist', async () => {
    const { hub, open, checkpoint } = await visit()
    hub.publish('owner/name', files)
    hub.protect('owner/name', 'hf_right', 'RepoNotFound')
    expect(await open('owner/name')).toEqual({ notFound: expect.stringContaining('it is private and needs a token') })
    expect((await checkpoint('owner/name', {}, { environment: { HF_TOKEN: 'hf_right' } })).constants.size).toBe(1)
  })
})

describe('a redirect', () => {
  it('is followed a bounded number of times, and to web addresses only', async () => {
    const { hub, open } = await visit()
    hub.fault = ({ url }) => ({ redirect: url })
    await expect(open('owner/name')).rejects.toMatchObject({ code: 'TENON_DOWNLOAD', message: expect.stringContaining('redirects more than 10 times') })
    hub.fault = () => ({ redirect: 'file:///etc/passwd' })
    await expect(open('owner/name')).rejects.toMatchObject({ code: 'TENON_DOWNLOAD', message: expect.stringContaining('no web address') })
  })

  it('to an address that has run out is fetched anew', async () => {
    const { hub, checkpoint } = await visit()
    hub.publish('owner/name', files)
    let expired = true
    hub.fault = (request) => {
      if (!isCdn(request) || !expired) return undefined
      expired = false
      return { status: 403 }
    }
    // The second host refuses once, as one does whose signature is old; the hub signs a new address.
    expect((await checkpoint('owner/name')).constants.size).toBe(1)
    expect(hub.requests.filter(({ url }) => url.includes('/resolve/') && url.endsWith('model.safetensors'))).toHaveLength(2)
  })
})
