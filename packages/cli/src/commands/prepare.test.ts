import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { openDecoder } from '../open-decoder.js'
import { run } from '../testing/run.js'
import { tinyBert } from '../testing/tiny-bert.js'
import { withoutClass } from '../testing/without-class.js'

let model: Awaited<ReturnType<typeof tinyBert>>
let cache: string
beforeAll(async () => {
  model = await tinyBert()
  cache = await mkdtemp(join(tmpdir(), 'tenon-cli-'))
  vi.stubEnv('TENON_CACHE', cache)
})
afterAll(async () => {
  vi.unstubAllEnvs()
  await model[Symbol.asyncDispose]()
  await rm(cache, { recursive: true })
})

describe('prepare', () => {
  it('keeps quantised weights, says where, and finds them the second time', async () => {
    const first = await run(['prepare', model.path, '--weights', 'int4', '--block', '32'])
    expect(first).toMatchObject({ code: 0, stdout: expect.stringMatching(/✓ .+\.safetensors\n.+ in int4: \d+ kB in /) as string })
    const [file] = await readdir(join(cache, 'weights'))
    const { mtimeMs, ino, size } = await stat(join(cache, 'weights', file!))
    const { code, stdout } = await run(['prepare', model.path, '--json', '--quiet'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ model: model.path, weights: 'int4', files: [{ path: join(cache, 'weights', file!), bytes: size }] })
    const after = await stat(join(cache, 'weights', file!))
    expect([after.ino, after.mtimeMs >= mtimeMs]).toEqual([ino, true])
  })

  it('keeps for finer activations what it keeps without a second form for prompts', async () => {
    const files = async (...options: readonly string[]) => (JSON.parse((await run(['prepare', model.path, '--json', ...options])).stdout) as { files: { path: string }[] }).files.map(({ path }) => path)
    expect(await files('--activations', 'int16')).toEqual(await files('--small'))
  })

  it('keeps what a decoder is then run with', async () => {
    const decoder = fileURLToPath(new URL('../../../task-text-generation/fixtures/chat', import.meta.url))
    const weights = async () => (await readdir(join(cache, 'weights'))).filter((name) => name.endsWith('.safetensors')).toSorted()
    const before = await weights()
    expect(await run(['prepare', decoder, '--weights', 'int4'])).toMatchObject({ code: 0 })
    const prepared = await weights()
    expect(prepared.length).toBe(before.length + 1)
    expect(await run(['complete', '-', '-m', decoder, '-n', '2', '--weights', 'int4'], { openDecoder, stdin: 'a = ' })).toMatchObject({ code: 0 })
    expect(await weights()).toEqual(prepared)
  })

  it('takes the one head of a decoder whose config names no class', async () => {
    await using copy = await withoutClass('llama/base')
    expect(await run(['prepare', copy.path, '--weights', 'int8'])).toMatchObject({ code: 0 })
  })

  it('tells of nothing where a model is an exported graph, whose weights lie beside it', async () => {
    expect(await run(['prepare', '@tenon/model-all-minilm-l6-v2'])).toMatchObject({ code: 0, stdout: 'Nothing is kept for @tenon/model-all-minilm-l6-v2: its weights are run as they lie, or could not be kept\n' })
  })

  it('refuses formats and blocks that there are not', async () => {
    for (const options of [['--weights', 'int3'], ['--block', '48'], ['--activations', 'int4']]) expect((await run(['prepare', model.path, ...options])).code).toBe(2)
  })

  it('fails where there is no such model', async () => {
    expect(await run(['prepare', join(cache, 'none')])).toMatchObject({ code: 1, stdout: '' })
  })
})
