import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { bundled, startNode } from '../test-process.js'
import { temporaryFolder } from '../test-support.js'
import { withFileLock } from './file-lock.js'
import { sha256, startHub, type TestHub } from './test-hub.js'
import { config, tokenizer, visit, weights } from './test-support.js'

const model = weights(2_000_000)
let script: string

beforeAll(async () => {
  // Inside the package, where `tokenizers` is found.
  script = await bundled(new URL('test-open-process.ts', import.meta.url), await mkdtemp(join(import.meta.dirname, '../../node_modules/.bundle-')))
})
afterAll(() => rm(dirname(script), { recursive: true }))

async function hubWithCache(): Promise<{ hub: TestHub; cache: string; start: () => ReturnType<typeof startNode> }> {
  const hub = await startHub()
  onTestFinished(() => hub[Symbol.asyncDispose]())
  const cache = await temporaryFolder()
  hub.publish('owner/name', { 'config.json': config, 'model.safetensors': model, 'tokenizer.json': tokenizer })
  return { hub, cache, start: () => startNode([], script, { HF_ENDPOINT: hub.endpoint, HF_HUB_CACHE: cache, HF_HOME: cache, MODEL: 'owner/name' }) }
}

describe('processes that open the same model at once', () => {
  it('download it once between them', async () => {
    const { hub, cache, start } = await hubWithCache()
    hub.fault = ({ host }) => (host === 'cdn' ? { slow: 10 } : undefined) // 1.2 s, for all to come
    const outputs = await Promise.all([start(), start(), start()].map(({ output }) => output))
    const found = outputs.map((output) => JSON.parse(output) as { tensor: number; downloaded: number })
    expect(found.map(({ tensor }) => tensor)).toEqual([2_000_000, 2_000_000, 2_000_000])
    expect(hub.requests.filter(({ host }) => host === 'cdn')).toHaveLength(1)
    expect(hub.requests.filter(({ url }) => url.endsWith('/tokenizer.json'))).toHaveLength(1)
    expect(await readdir(join(cache, '.locks/models--owner--name'))).toEqual([])
    expect((await readdir(join(cache, 'models--owner--name/blobs'))).filter((file) => file.includes('incomplete'))).toEqual([])
  })

  it('take over from one that was killed, and go on where it was', async () => {
    const { hub, cache, start } = await hubWithCache()
    hub.fault = ({ host }) => (host === 'cdn' ? { slow: 20 } : undefined)
    const killed = start()
    const partial = join(cache, 'models--owner--name/blobs', `${sha256(model)}.tenon.incomplete`)
    while (!(await stat(partial).then(({ size }) => size > 200_000, () => false))) await setTimeout(20)
    killed.process.kill('SIGKILL')
    await expect(killed.output).rejects.toThrow('SIGKILL')
    expect(await readdir(join(cache, '.locks/models--owner--name'))).toEqual([`${sha256(model)}.tenon.lock`])
    hub.fault = () => undefined
    hub.requests.length = 0
    expect(JSON.parse(await start().output)).toMatchObject({ tensor: 2_000_000 })
    const [request, ...others] = hub.requests.filter(({ host }) => host === 'cdn')
    expect(Number(/^bytes=(\d+)-$/.exec(request?.range ?? '')?.[1])).toBeGreaterThan(200_000)
    expect(others).toEqual([])
  })
})

describe('a lock', () => {
  const never = new AbortController().signal
  const lockIn = async () => join(await temporaryFolder(), 'locks', 'a.lock')

  it('lets one work at a time, in the order of luck', async () => {
    const path = await lockIn()
    let inside = 0
    let most = 0
    await Promise.all(
      Array.from({ length: 5 }, () =>
        withFileLock(path, { signal: never }, async (isHeld) => {
          most = Math.max(most, ++inside)
          await setTimeout(10)
          expect(await isHeld()).toBe(true)
          inside--
        }),
      ),
    )
    expect(most).toBe(1)
    expect(await readdir(dirname(path))).toEqual([])
  })

  it('is let go when the work fails, and waited for no longer than the signal allows', async () => {
    const path = await lockIn()
    await expect(withFileLock(path, { signal: never }, async () => Promise.reject(new Error('work')))).rejects.toThrow('work')
    await withFileLock(path, { signal: never }, async () => {
      const controller = new AbortController()
      let waits = 0
      const waiting = withFileLock(path, { signal: controller.signal, onWait: () => waits++ }, async () => 'never')
      void setTimeout(250).then(() => controller.abort())
      await expect(waiting).rejects.toMatchObject({ code: 'TENON_ABORTED' })
      expect(waits).toBe(1)
    })
  })

  it('of an owner that is gone is taken over after two missed heartbeats', async () => {
    const owners = [
      { process: 2 ** 22 + 1, host: hostname() }, // no such process: numbers end before
      { process: process.pid, host: hostname() }, // this number, in a life before
    ]
    const takeOver = async (owner: object) => {
      const path = await lockIn()
      await mkdir(dirname(path))
      await writeFile(path, JSON.stringify({ token: 'old', ...owner }))
      const began = performance.now()
      let inside = 0
      const alone = async () => {
        inside++
        const held = await readFile(path, 'utf8')
        await setTimeout(5)
        expect(inside--).toBe(1)
        return held
      }
      expect(new Set(await Promise.all(Array.from({ length: 12 }, () => withFileLock(path, { signal: never }, alone))))).toHaveProperty('size', 12)
      expect(performance.now() - began).toBeGreaterThan(1900)
      expect(performance.now() - began).toBeLessThan(6000)
      expect(await readdir(dirname(path))).toEqual([])
    }
    await Promise.all(owners.map(takeOver))
  })

  it('of an owner that is gone is taken over though whoever was at that before is gone, too', async () => {
    const path = await lockIn()
    await mkdir(dirname(path))
    await writeFile(path, JSON.stringify({ token: 'old', process: 2 ** 22 + 1, host: hostname() }))
    await writeFile(`${path}.taking-over`, '')
    const long = new Date(Date.now() - 60_000)
    await utimes(`${path}.taking-over`, long, long)
    expect(await withFileLock(path, { signal: never }, async () => 'taken')).toBe('taken')
    expect(await readdir(dirname(path))).toEqual([])
  })

  it('is waited for while its owner renews it, wherever that runs', async () => {
    const owners = [
      { process: 2 ** 22 + 1, host: 'elsewhere' },
      { process: 2 ** 22 + 1, host: hostname() }, // in another container, whose processes are not seen here
    ]
    const waitFor = async (owner: object) => {
      const path = await lockIn()
      await mkdir(dirname(path))
      await writeFile(path, JSON.stringify({ token: 'other', ...owner }))
      const renewing = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => undefined), 500)
      const controller = new AbortController()
      void setTimeout(3500).then(() => controller.abort())
      await expect(withFileLock(path, { signal: controller.signal }, async () => 'taken')).rejects.toMatchObject({ code: 'TENON_ABORTED' })
      clearInterval(renewing)
      expect(await readFile(path, 'utf8')).toContain('other')
    }
    await Promise.all(owners.map(waitFor))
  })

  it('that was taken over is noticed by the one that stood still', async () => {
    const path = await lockIn()
    await withFileLock(path, { signal: never }, async (isHeld) => {
      await writeFile(path, JSON.stringify({ token: 'another', process: 1, host: 'elsewhere' }))
      await setTimeout(1100)
      expect(await isHeld()).toBe(false)
    })
    expect(await readFile(path, 'utf8')).toContain('another') // and is not removed
  })
})

it.each([{}, { HF_HUB_DISABLE_SYMLINKS: '1' }])('opens of one process share a download, with %j', async (environment) => {
  const { hub, checkpoint, events } = await visit()
  hub.publish('owner/name', { 'config.json': config, 'model.safetensors': model })
  hub.fault = ({ host }) => (host === 'cdn' ? { slow: 5 } : undefined)
  await Promise.all([checkpoint('owner/name', {}, { environment }), checkpoint('owner/name', {}, { environment })])
  expect(hub.requests.filter(({ host }) => host === 'cdn')).toHaveLength(1)
  expect(events).toContainEqual({ type: 'notice', code: 'TENON_HUB_WAITING', message: 'model.safetensors of owner/name is already being downloaded; waiting for it' })
})
