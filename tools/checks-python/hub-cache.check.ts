import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { hub, type HubOptions } from '../../packages/checkpoint/src/hub/hub.js'
import { sha256, startHub, type TestHub } from '../../packages/checkpoint/src/hub/test-hub.js'
import { config, tokenizer, weights } from '../../packages/checkpoint/src/hub/test-support.js'

const python = process.env['TENON_PYTHON'] ?? 'python'
const script = join(import.meta.dirname, 'hub_cache.py')
const model = weights(3_000_000)
const files = {
  '.gitattributes': '*.safetensors filter=lfs',
  '1_Pooling/config.json': '{"pooling_mode_mean_tokens":true}',
  'README.md': '# name',
  'config.json': config,
  'model.safetensors': model,
  'onnx/model.onnx': weights(50_000, 3),
  'tokenizer.json': tokenizer,
  'vocab.txt': 'u\n',
}

async function setUp() {
  const server = await startHub()
  onTestFinished(() => server[Symbol.asyncDispose]())
  const cache = await mkdtemp(join(tmpdir(), 'tenon-hub-cache-'))
  onTestFinished(() => rm(cache, { recursive: true }))
  const commit = server.publish('owner/name', files)
  const open = async (reference = 'owner/name', options: HubOptions = {}) => {
    const opened = await hub({ endpoint: server.endpoint, cache, token: false, ...options }).open(reference, { emit: () => undefined })
    if ('notFound' in opened) throw new Error(opened.notFound)
    onTestFinished(() => opened[Symbol.asyncDispose]())
    return opened
  }
  const start = (command: string, rest: readonly string[], more: Record<string, string> = {}) => {
    const environment = { PATH: process.env['PATH'], HOME: cache, HF_ENDPOINT: server.endpoint, HF_HUB_CACHE: cache, HF_HOME: join(cache, 'home'), HF_HUB_DISABLE_TELEMETRY: '1', HF_HUB_DISABLE_PROGRESS_BARS: '1', ...more }
    return spawn(python, [script, command, 'owner/name', ...rest], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
  }
  const ask = async (command: string, rest: readonly string[] = [], more: Record<string, string> = {}): Promise<unknown> => {
    const child = start(command, rest, more)
    const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
    if (child.exitCode !== 0) throw new Error(errors)
    return JSON.parse(output)
  }
  return { server, commit, open, start, ask, folder: join(cache, 'models--owner--name') }
}

const offline = { HF_HUB_OFFLINE: '1' }
const downloads = (server: TestHub) => server.requests.filter(({ method, url }) => method === 'GET' && !url.startsWith('/api/')).map(({ url }) => url.replace(/\?.*/, ''))

beforeAll(async () => {
  const { stdout } = await promisify(execFile)(python, [script, 'version', ''])
  process.stdout.write(`huggingface_hub ${stdout}`)
})

describe('huggingface_hub', () => {
  it('reads offline what hub() wrote, and finds nothing wrong with it', async () => {
    const { commit, open, ask, folder } = await setUp()
    const opened = await open()
    await opened.json('generation_config.json')
    await opened.path('onnx/model.onnx')
    const snapshot = join(folder, 'snapshots', commit)
    const held = ['1_Pooling/config.json', 'config.json', 'model.safetensors', 'onnx/model.onnx', 'tokenizer.json', 'vocab.txt']
    for (const revision of ['main', commit]) {
      expect(await ask('snapshot', [revision, ...held], offline)).toBe(snapshot)
      for (const file of held) expect(await ask('file', [revision, file], offline)).toBe(join(snapshot, file))
      expect(await ask('cached', [revision, 'generation_config.json'], offline)).toBe('no such file')
      expect(await ask('cached', [revision, 'README.md'], offline)).toBeNull()
    }
    expect(await ask('scan')).toMatchObject({ id: 'owner/name', warnings: [], refs: { main: commit }, files: expect.arrayContaining([['model.safetensors', sha256(model)]]) })
  })

  it('downloads nothing again that hub() downloaded, and adds what is missing', async () => {
    const { server, open, ask, commit, folder } = await setUp()
    await open()
    server.requests.length = 0
    expect(await ask('file', ['main', 'model.safetensors'])).toBe(join(folder, 'snapshots', commit, 'model.safetensors'))
    expect(downloads(server)).toEqual([])
    await ask('snapshot', ['main'])
    expect(downloads(server).some((url) => url.endsWith('/README.md'))).toBe(true)
    expect(downloads(server).some((url) => url.includes(sha256(model)))).toBe(false)
    expect(await readFile(join(folder, 'snapshots', commit, 'README.md'), 'utf8')).toBe('# name')
  })
})

describe('hub()', () => {
  it('opens offline what huggingface_hub wrote, and downloads nothing of it again', async () => {
    const { server, open, ask, commit } = await setUp()
    await ask('snapshot', ['main'])
    server.requests.length = 0
    for (const reference of ['owner/name', `owner/name@${commit}`]) {
      const opened = await open(reference, { offline: true })
      expect(sha256((await opened.constants.get('weight')!.bytes()))).toBe(sha256(model.slice(-3_000_000)))
      expect((await opened.tokenizer()).vocabularySize).toBe(1)
      expect(opened.files).toContain('README.md')
      expect(await opened.json('1_Pooling/config.json')).toEqual({ pooling_mode_mean_tokens: true })
    }
    expect(server.requests).toEqual([])
    await open()
    await open('owner/name', { variant: 'fp32' })
    expect(downloads(server)).toEqual([])
  })

  it('adds to a snapshot of which huggingface_hub fetched one file', async () => {
    const { server, open, ask, commit, folder } = await setUp()
    await ask('file', ['main', 'model.safetensors'])
    server.requests.length = 0
    expect((await open()).constants.size).toBe(1)
    expect(downloads(server).some((url) => url.includes(sha256(model)))).toBe(false)
    expect(await ask('file', [commit, 'tokenizer.json'], offline)).toBe(join(folder, 'snapshots', commit, 'tokenizer.json'))
  })

  it('goes on where huggingface_hub was killed', async () => {
    const { server, open, start, folder } = await setUp()
    const large = weights(25_000_000) // huggingface_hub writes 10 MB at a time
    server.publish('owner/name', { ...files, 'model.safetensors': large })
    server.fault = ({ host }) => (host === 'cdn' ? { slow: 1 } : undefined)
    const child = start('file', ['main', 'model.safetensors'])
    const leftover = async () => {
      const names = await readdir(join(folder, 'blobs')).catch(() => [])
      const sizes = await Promise.all(names.filter((name) => name.endsWith('.incomplete')).map(async (name) => (await stat(join(folder, 'blobs', name))).size))
      return Math.max(0, ...sizes)
    }
    while ((await leftover()) < 10_000_000) await setTimeout(50)
    child.kill('SIGKILL')
    await once(child, 'close')
    server.fault = () => undefined
    server.requests.length = 0
    const left = await leftover()
    await open()
    expect(server.requests.find(({ host }) => host === 'cdn')?.range).toBe(`bytes=${left}-`)
    expect(sha256(await readFile(join(folder, 'blobs', sha256(large))))).toBe(sha256(large))
  })

  it('and huggingface_hub may download the same model at once', async () => {
    const { server, open, ask, commit, folder } = await setUp()
    server.fault = ({ host }) => (host === 'cdn' ? { slow: 10 } : undefined) // 1.9 s for the weights
    await Promise.all([ask('snapshot', ['main']), setTimeout(800).then(() => open()), open()])
    expect(sha256(await readFile(join(folder, 'blobs', sha256(model))))).toBe(sha256(model))
    expect((await readdir(join(folder, 'blobs'))).filter((file) => file.includes('incomplete'))).toEqual([])
    server.fault = () => undefined
    expect(await ask('snapshot', ['main'], offline)).toBe(join(folder, 'snapshots', commit))
    expect((await open('owner/name', { offline: true })).constants.size).toBe(1)
  })
})
