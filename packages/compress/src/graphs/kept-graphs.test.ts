import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onnx } from '@tenon/backend-onnx'
import { openFolder } from '@tenon/checkpoint'
import { derivedOf, tensor, type Checkpoint, type Graph, type Graphs } from '@tenon/core'
import { verify } from '@tenon/graph'
import { decoders } from '@tenon/models'
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { WeightOnlyOptions } from '../weight-only/options.js'
import { graphsOf, openModel, writeModel } from '../weight-only/test-checkpoint.js'
import { weightOnly } from '../weight-only/weight-only.js'

/** A file's times tell no changes apart that follow one another at once. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 150))

let folder: string
let cache: string

beforeEach(async () => {
  vi.stubGlobal('TENON_REVISION', 'of the test')
  folder = await mkdtemp(join(tmpdir(), 'tenon-graphs-'))
  cache = join(folder, 'cache')
  await writeModel(join(folder, 'model'), 64)
  await settled()
  return async () => {
    vi.unstubAllGlobals()
    await rm(folder, { recursive: true, force: true })
  }
})

interface Asked {
  readonly options?: WeightOnlyOptions
  readonly built?: string
  readonly compressor?: ReturnType<typeof weightOnly>
}

const contextOf = ({ built = 'layers 1' }: Asked, checkpoint: Checkpoint) => ({ checkpoint, emit: () => undefined, built })

async function prepared(checkpoint: Checkpoint, asked: Asked = {}): Promise<Graphs> {
  const compressor = asked.compressor ?? weightOnly()
  const { pass } = compressor
  const options = { cache, ...asked.options }
  const { model, decoder } = graphsOf(checkpoint) as { readonly model: Graph; readonly decoder: Graph }
  const written = pass(options, 'decoder').apply(decoder)
  const prefill = pass(options, 'prefill').name === pass(options, 'decoder').name ? written : pass(options, 'prefill').apply(decoder)
  const graphs = await compressor.prepare!({ model: pass(options, 'model').apply(model), decoder: written, prefill }, options, contextOf(asked, checkpoint))
  for (const graph of Object.values(graphs)) verify(graph) // looks at it
  return graphs
}

const recalled = (checkpoint: Checkpoint, asked: Asked = {}) => (asked.compressor ?? weightOnly()).recall!({ cache, ...asked.options }, contextOf(asked, checkpoint))

const names = () => readdir(join(cache, 'graphs')).catch(() => [])
const record = async () => join(cache, 'graphs', (await names()).find((name) => name.endsWith('.graphs'))!)

/** Prepares, and waits until the graphs are kept, over weights whose times would tell a change. */
async function keep(asked: Asked = {}, opened?: Checkpoint): Promise<Graphs> {
  await using own = opened === undefined ? await openModel(join(folder, 'model')) : undefined
  const checkpoint = opened ?? own!
  const graphs = await prepared(checkpoint, asked)
  await settled()
  await prepared(checkpoint, asked)
  await vi.waitFor(async () => expect(await recalled(checkpoint, asked)).toBeDefined(), { timeout: 5000 })
  return graphs
}

async function facts({ name, inputs, outputs, nodes, updates, constants }: Graph) {
  const bytes = Array.from(constants, async ([name, constant]) => [name, constant.dtype, constant.shape, constant.byteLength, constant.file, Buffer.from(await constant.bytes()).toString('base64')])
  return { name, inputs, outputs, nodes, updates, constants: await Promise.all(bytes) }
}

describe('graphs that are kept', () => {
  it.each<[WeightOnlyOptions]>([[{}], [{ bits: 16 }]])('are the same the next time, by role, and nothing is built: %j', async (options) => {
    await using before = await openModel(join(folder, 'model'))
    const first = await keep({ options }, before)
    await using checkpoint = await openModel(join(folder, 'model'))
    const graphs = (await recalled(checkpoint, { options }))!
    expect(Object.keys(graphs)).toEqual(Object.keys(first))
    expect([graphs['decoder'] === graphs['prefill'], first['decoder'] === first['prefill']]).toEqual(options.bits === 16 ? [true, true] : [false, false])
    expect(Array.from(first['decoder']!.constants.values()).filter(({ file }) => file?.inPlace)).toHaveLength(options.bits === 16 ? 3 : 0)
    const gamma = (graph: Graph) => graph.constants.get('gamma')
    expect(gamma(graphs['decoder']!)).toBe(checkpoint.constants.get('gamma'))
    expect(gamma(graphs['prefill']!)).toBe(gamma(graphs['decoder']!))
    for (const [role, graph] of Object.entries(graphs)) expect(await facts(verify(graph))).toEqual(await facts(first[role]!))
  })

  it('are read when somebody looks at them', async () => {
    await keep()
    await using checkpoint = await openModel(join(folder, 'model'))
    const { decoder } = (await recalled(checkpoint))!
    const parse = vi.spyOn(JSON, 'parse')
    expect(decoder!.outputs.map(({ name }) => name)).toEqual(['y'])
    expect(parse).toHaveBeenCalledTimes(0)
    expect(decoder!.nodes.length).toBeGreaterThan(0)
    expect(decoder!.nodes).toBe(decoder!.nodes)
    expect(parse).toHaveBeenCalledTimes(1)
    parse.mockRestore()
  })

  it('that two roles share are one again', async () => {
    await keep({ options: { prefill: 'same' } })
    await using checkpoint = await openModel(join(folder, 'model'))
    const graphs = (await recalled(checkpoint, { options: { prefill: 'same' } }))!
    expect(graphs['prefill']).toBe(graphs['decoder'])
    expect(graphs['model']).not.toBe(graphs['decoder'])
  })

  it('have each a place for what is made of them, which those that were kept first have too', async () => {
    const first = await keep()
    await derivedOf(first['decoder']!)!.write('made-1', Uint8Array.of(1, 2, 3))
    await using checkpoint = await openModel(join(folder, 'model'))
    const graphs = (await recalled(checkpoint))!
    expect(derivedOf(graphs['decoder']!)!.read('made-1')).toEqual(Uint8Array.of(1, 2, 3))
    expect(derivedOf(graphs['prefill']!)!.read('made-1')).toBeUndefined()
    expect(derivedOf({ ...graphs['decoder']! })).toBeUndefined() // what a pass makes of it is another graph
  })

  it('are others for another definition, other options, another config and other weights', async () => {
    await keep()
    const asks = async (asked: Asked = {}) => {
      await using checkpoint = await openModel(join(folder, 'model'))
      return (await recalled(checkpoint, asked)) !== undefined
    }
    expect(await asks()).toBe(true)
    expect(await asks({ built: 'layers 2' })).toBe(false)
    for (const options of [{ bits: 8 }, { blockSize: 64 }, { head: { bits: 4 } }, { prefill: 'int8' }, { smallest: 1 }, { activations: 'int16' }, { cache: false }] as const) expect(await asks({ options })).toBe(false)
    vi.stubGlobal('TENON_REVISION', 'of another build')
    expect(await asks()).toBe(false)
    vi.stubGlobal('TENON_REVISION', undefined)
    expect(await asks()).toBe(false)
    vi.stubGlobal('TENON_REVISION', 'of the test')
    expect(await asks()).toBe(true)

    const config = join(folder, 'model', 'config.json')
    const before = await readFile(config, 'utf8')
    await writeFile(config, JSON.stringify({ ...JSON.parse(before), rope_theta: 5 }))
    expect(await asks()).toBe(false)
    await writeFile(config, before)
    expect(await asks()).toBe(true)
    await writeModel(join(folder, 'model'), 64, 2)
    expect(await asks()).toBe(false)
  })

  it('are others where their floats have no room, which is told at each start', async () => {
    const notices: string[] = []
    const asks = async (cacheBytes: number) => {
      const options = { bits: 16, cacheBytes } as const
      await keep({ options })
      await using checkpoint = await openModel(join(folder, 'model'))
      const graphs = await weightOnly().recall!({ cache, ...options }, { ...contextOf({}, checkpoint), emit: (event) => void (event.type === 'notice' && notices.push(event.code)) })
      return Array.from(graphs!['decoder']!.constants.values()).some(({ file }) => file?.inPlace)
    }
    expect([await asks(1e6), await asks(1e3), await asks(1e6), notices]).toEqual([true, false, true, ['TENON_WEIGHTS_WIDENED']])
  })

  it('are neither kept nor taken by a compressor that was made of this one, with a pass of its own', async () => {
    const { pass, ...rest } = weightOnly()
    const compressor = { ...rest, pass: (options: WeightOnlyOptions, role: string) => pass({ ...options, blockSize: 16 }, role) }
    await using checkpoint = await openModel(join(folder, 'model'))
    await prepared(checkpoint, { compressor })
    expect(await recalled(checkpoint)).toBeUndefined()
    await keep()
    expect(await recalled(checkpoint)).toBeDefined()
    expect(await recalled(checkpoint, { compressor })).toBeUndefined()
  })

  it('are of no use without the file of weights as it was', async () => {
    await keep()
    const weights = join(cache, (await readdir(cache)).find((name) => name.endsWith('.safetensors'))!)
    await using checkpoint = await openModel(join(folder, 'model'))
    expect(await recalled(checkpoint)).toBeDefined()
    const now = new Date()
    await utimes(weights, now, now)
    expect(await recalled(checkpoint)).toBeUndefined()
    await keep({}, checkpoint)
    await rm(weights)
    expect(await recalled(checkpoint)).toBeUndefined()
  })

  it('are built again where what was kept is damaged', async () => {
    await keep()
    const path = await record()
    const whole = await readFile(path)
    await using checkpoint = await openModel(join(folder, 'model'))
    for (const damaged of [whole.subarray(0, whole.length - 5), Buffer.alloc(whole.length), Buffer.alloc(0), Buffer.concat([whole.subarray(0, 99), Buffer.from('?'), whole.subarray(100)])]) {
      await writeFile(path, damaged)
      expect(await recalled(checkpoint)).toBeUndefined()
    }
    await writeFile(path, whole)
    expect(await recalled(checkpoint)).toBeDefined()
  })

  it('are aborted with who asks for them', async () => {
    await keep()
    await using checkpoint = await openModel(join(folder, 'model'))
    await expect(weightOnly().recall!({ cache }, { ...contextOf({}, checkpoint), signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'TENON_ABORTED' })
  })

  it('are no more than 32, of which those that were used last stay', async () => {
    await keep()
    const kept = await record()
    const place = join(cache, 'graphs')
    const old = new Date(Date.now() - 1e6)
    const others = Array.from({ length: 40 }, (_, index) => join(place, `${index.toString(16).padStart(40, '0')}.graphs`))
    for (const path of others) {
      await writeFile(path, '')
      await utimes(path, old, old)
    }
    await writeFile(join(place, 'theirs.txt'), '')
    await utimes(join(place, 'theirs.txt'), new Date(0), new Date(0))
    await keep({ built: 'layers 2' })
    await vi.waitFor(async () => expect((await names()).filter((name) => name.endsWith('.graphs'))).toHaveLength(32), { timeout: 5000 })
    expect(await names()).toContain('theirs.txt')
    expect((await stat(kept)).isFile()).toBe(true)
  })
})

const backend = onnx({ threads: 1 })
afterAll(() => backend.dispose?.())

describe.each(decoders())('$name, whose graphs are kept', (family) => {
  it('gives the logits that it gives when it is built', async () => {
    const path = fileURLToPath(new URL(`../../../models/fixtures/${family.name}/base`, import.meta.url))
    const compressor = weightOnly({ cache, smallest: 0, blockSize: 16 })
    const contextOf = (checkpoint: Checkpoint) => ({ checkpoint, built: family.name, emit: () => undefined })
    await using checkpoint = await openFolder(path)
    const built = await family.build(checkpoint, { head: 'causal-lm', roles: ['decoder', 'prefill'] })
    const make = () => compressor.prepare!(Object.fromEntries(Object.entries(built).map(([role, graph]) => [role, compressor.pass({}, role).apply(graph)])), {}, contextOf(checkpoint))
    const graphs = await make()
    const before = { decoder: await logits(graphs['decoder']!), prefill: await logits(graphs['prefill']!) }
    await settled()
    for (const graph of Object.values(await make())) verify(graph)
    await using again = await openFolder(path)
    await vi.waitFor(async () => expect(await compressor.recall!({}, contextOf(again))).toBeDefined(), { timeout: 5000 })
    const kept = (await compressor.recall!({}, contextOf(again)))!
    for (const role of ['decoder', 'prefill'] as const) expect(await logits(kept[role]!)).toEqual(before[role])
  })
})

async function logits(graph: Graph): Promise<readonly number[]> {
  await using executable = await backend.compile(graph, {}, { emit: () => undefined })
  const cached = Object.fromEntries(executable.inputs.filter(({ name }) => name.startsWith('past')).map(({ name, shape }) => [name, tensor('float32', [1, shape[1] as number, 8, shape[3] as number], new Float32Array((shape[1] as number) * 8 * (shape[3] as number)))]))
  const { logits } = await executable.run({ input_ids: tensor('int64', [1, 3], BigInt64Array.of(5n, 7n, 11n)), lengths: tensor('int32', [1], Int32Array.of(3)), logit_positions: tensor('int64', [1], BigInt64Array.of(2n)), ...cached })
  using result = logits!
  return Array.from((await result.data()) as Float32Array)
}
