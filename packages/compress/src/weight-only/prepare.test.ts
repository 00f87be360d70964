import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type * as fileSystem from 'node:fs/promises'
import { chmod, mkdtemp, open, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { onnx } from '@tenon/backend-onnx'
import { stampOf } from '@tenon/checkpoint'
import { bytesOf as bytesOfArray, lazyConstant, type Checkpoint, type Constant, type Graph, type Graphs, type Origin, type TenonEvent } from '@tenon/core'
import { GraphBuilder, verify } from '@tenon/graph'
import { Add, Cast, Gather, Gemm, MatMulNBits, Relu } from '@tenon/graph/ops'
import { build } from 'vite'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { normal, outputOf, relativeError } from '../test-support.js'
import { evict } from '../weights/evict.js'
import type { WeightOnlyOptions } from './options.js'
import { graphsOf, openModel, writeModel } from './test-checkpoint.js'
import { weightOnly } from './weight-only.js'

const disk = vi.hoisted((): { blocks: number | undefined } => ({ blocks: undefined }))
vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof fileSystem>()
  return { ...real, statfs: async (path: string) => ({ ...(await real.statfs(path)), ...(disk.blocks !== undefined && { bavail: disk.blocks, bsize: 4096 }) }) }
})

/** Large enough for the work to go to threads. */
const SIZE = 384
const backend = onnx({ threads: 2 })
afterAll(() => backend.dispose?.())

let folder: string
let cache: string
let checkpoint: Checkpoint

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tenon-compress-'))
  cache = join(folder, 'cache')
  await writeModel(join(folder, 'model'), SIZE)
  checkpoint = await openModel(join(folder, 'model'))
  return async () => {
    await checkpoint[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  }
})

interface Prepared {
  readonly graphs: Graphs
  readonly events: readonly TenonEvent[]
  readonly codes: readonly string[]
}

async function prepared(options: WeightOnlyOptions = {}, { of = checkpoint, signal, onEvent }: { of?: Checkpoint; signal?: AbortSignal; onEvent?: (event: TenonEvent) => void } = {}): Promise<Prepared> {
  const asked = { cache, ...options }
  const { pass, prepare } = weightOnly()
  const events: TenonEvent[] = []
  const built = graphsOf(of)
  const [decoder, model] = [pass(asked, 'decoder').apply(built['decoder']!), pass(asked, 'model').apply(built['model']!)]
  const prefill = pass(asked, 'prefill').name === pass(asked, 'decoder').name ? decoder : pass(asked, 'prefill').apply(built['prefill']!)
  const graphs = await prepare!({ model, decoder, prefill }, asked, { checkpoint: of, ...(signal && { signal }), emit: (event) => (events.push(event), onEvent?.(event)) })
  return { graphs, events, codes: events.flatMap((event) => (event.type === 'notice' ? [event.code] : [])) }
}

const kept = async () => (await readdir(cache).catch(() => [])).filter((name) => !name.endsWith('.checked')).toSorted()
const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
/** Digests: comparing bytes one by one takes the framework seconds. */
const bytesOf = async (graph: Graph) => Promise.all(Array.from(graph.constants.values(), async (constant) => digest(await constant.bytes())))
const made = ({ events }: Prepared) => events.some(({ type }) => type === 'progress')
const computed = (graph: Graph) => [...graph.constants].filter(([, { file, inline }]) => file === undefined && inline === undefined).map(([name]) => name)
const x = normal([4, SIZE])
const run = async (graph: Graph) => Array.from(await outputOf(backend, graph, [4, SIZE], x)).join()

describe('weights that are prepared', () => {
  it('lie in one file, in the graphs that were given, and are what the passes meant', async () => {
    const { graphs } = await prepared()
    expect(await kept()).toEqual([expect.stringMatching(/^model-[0-9a-f]{40}\.safetensors$/)])
    const without = await prepared({ cache: false })
    for (const role of ['model', 'decoder', 'prefill']) {
      expect(computed(verify(graphs[role]!))).toEqual([])
      expect(computed(without.graphs[role]!)).not.toEqual([])
      expect(graphs[role]!.nodes).toEqual(without.graphs[role]!.nodes)
      expect(await bytesOf(graphs[role]!)).toEqual(await bytesOf(without.graphs[role]!))
      expect(await run(graphs[role]!)).toEqual(await run(without.graphs[role]!))
    }
  })

  it('are run from where they lie where they read prompts, but for the scales', async () => {
    const { graphs } = await prepared()
    const inPlace = (role: string) => Array.from(graphs[role]!.constants.values()).flatMap(({ dtype, file }) => (file?.inPlace ? [dtype] : []))
    expect([inPlace('prefill'), inPlace('decoder'), inPlace('model')]).toEqual([['int8', 'int8'], [], []])
  })

  it('are found the second time: the same file, the same numbers, nothing computed', async () => {
    const first = await prepared()
    const [name] = await kept()
    const before = await stat(join(cache, name!))
    const second = await prepared()
    expect([made(first), made(second)]).toEqual([true, false])
    expect((await stat(join(cache, name!))).ino).toBe(before.ino)
    expect(second.graphs['decoder']!.constants.get('first_int4_32')!.file).toEqual(first.graphs['decoder']!.constants.get('first_int4_32')!.file)
    expect(await run(second.graphs['decoder']!)).toEqual(await run(first.graphs['decoder']!))
  })

  it('of what writes are looked for when that is looked at', async () => {
    await prepared()
    const { pass, prepare } = weightOnly({ cache })
    const { model, decoder, prefill } = graphsOf(checkpoint) as Record<'model' | 'decoder' | 'prefill', Graph>
    let looks = 0
    const watched = Object.defineProperty({ ...decoder }, 'nodes', { get: () => (looks++, decoder.nodes) })
    const graphs = await prepare!({ model: pass({}, 'model').apply(model), decoder: pass({}, 'decoder').apply(watched), prefill: pass({}, 'prefill').apply(prefill) }, {}, { checkpoint, emit: () => undefined })
    expect([computed(graphs['prefill']!), looks]).toEqual([[], 0])
    expect(computed(verify(graphs['decoder']!))).toEqual([])
    expect(looks).toBeGreaterThan(0)
    expect(await bytesOf(graphs['decoder']!)).toEqual(await bytesOf((await prepared({ cache: false })).graphs['decoder']!))
  })

  it('of what writes are kept and found where nothing reads prompts beside it', async () => {
    const { pass, prepare } = weightOnly({ cache })
    const alone = async () => (await prepare!({ decoder: pass({}, 'decoder').apply(graphsOf(checkpoint)['decoder']!) }, {}, { checkpoint, emit: () => undefined }))['decoder']!
    const first = await alone()
    const [name] = await kept()
    const { ino } = await stat(join(cache, name!))
    const second = await alone()
    expect([computed(first), computed(second), await kept()]).toEqual([[], [], [name]])
    expect((await stat(join(cache, name!))).ino).toBe(ino)
    expect(await run(second)).toEqual(await run((await prepared({ cache: false })).graphs['decoder']!))
  })

  it('of what writes are computed where the file lacks them, and a notice says so', async () => {
    const { pass, prepare } = weightOnly({ cache })
    const { decoder, prefill } = graphsOf(checkpoint) as Record<'decoder' | 'prefill', Graph>
    const one = new GraphBuilder('one')
    one.output('y', Gemm(one.input('x', 'float32', ['rows', SIZE]), one.constant(checkpoint.constants.get('first')!, 'first'), undefined, { transB: 1 }))
    const notices: string[] = []
    const prepareWith = (writes: Graph) => prepare!({ decoder: pass({}, 'decoder').apply(writes), prefill: pass({}, 'prefill').apply(prefill) }, {}, { checkpoint, emit: (event) => void (event.type === 'notice' && notices.push(event.message)) })
    await prepareWith(one.build())
    const graphs = await prepareWith(decoder)
    expect(notices).toEqual([])
    expect(computed(graphs['decoder']!)).not.toEqual([])
    expect(notices).toEqual([expect.stringContaining('the file lacks some of them. They are computed at each start')])
    expect(await run(graphs['decoder']!)).toEqual(await run((await prepared({ cache: false })).graphs['decoder']!))
  })

  it('are computed once for graphs that want the same, which go on sharing what they shared', async () => {
    const { graphs } = await prepared({ prefill: 'same' })
    expect(graphs['prefill']).toBe(graphs['decoder'])
    expect(graphs['model']).not.toBe(graphs['decoder'])
    expect(graphs['model']!.constants.get('first_int4_32')!.file).toEqual(graphs['decoder']!.constants.get('first_int4_32')!.file)
    const matrices = SIZE * SIZE
    const bytes = 2 * (matrices / 2 + matrices / 8) + (matrices + matrices / 16)
    const { size } = await stat(join(cache, (await kept())[0]!))
    expect(size).toBeGreaterThan(bytes)
    expect(size).toBeLessThan(bytes + 4096)
  })

  it('lie behind one another in the order of the layers, codes and scales each, so that neighbours can be merged without a copy', async () => {
    const { constants } = (await prepared({ head: { bits: 4 } })).graphs['decoder']!
    const end = (name: string) => constants.get(name)!.file!.offset + constants.get(name)!.byteLength
    for (const part of ['', '_scale']) {
      expect(constants.get(`second_int4_32${part}`)!.file!.offset).toBe(end(`first_int4_32${part}`))
      expect(constants.get(`third_int4_32${part}`)!.file!.offset).toBe(end(`second_int4_32${part}`))
    }
  })

  it('tell how far they are, in bytes, up to the last', async () => {
    const { events } = await prepared({ prefill: 'same' })
    const progress = events.filter((event) => event.type === 'progress')
    const total = SIZE * SIZE * (4 + 2 + 4)
    expect(progress[0]).toEqual({ type: 'progress', stage: 'preparing weights', done: 0, total, unit: 'bytes' })
    expect(progress.at(-1)).toEqual({ type: 'progress', stage: 'preparing weights', done: total, total, unit: 'bytes' })
    expect(progress.map(({ done }) => done)).toEqual(progress.map(({ done }) => done).toSorted((a, b) => a - b))
  })

  it('have a file for each choice of format', async () => {
    await prepared()
    await prepared({ blockSize: 128 })
    await prepared({ bits: 8 })
    await prepared({ bits: 16 })
    await prepared({ head: { bits: 4 } })
    expect(await kept()).toHaveLength(5)
  })

  it('stay to be computed where what they are made of is told by nothing: weights that were trained in memory, beside others of a file', async () => {
    const scaleOf = async (value: number) => {
      const tuned = lazyConstant('float32', [SIZE, SIZE], async () => bytesOfArray(new Float32Array(SIZE * SIZE).fill(value)))
      const { graphs } = await prepared({ prefill: 'same' }, { of: { ...checkpoint, constants: new Map([...checkpoint.constants, ['third', tuned]]) } })
      const decoder = graphs['decoder']!
      expect(computed(decoder)).toEqual(['third_int8_64', 'third_int8_64_scale'])
      return new Float32Array((await decoder.constants.get('third_int8_64_scale')!.bytes()).slice(0, 4).buffer)[0]!
    }
    expect(await scaleOf(2)).toBe(2 * (await scaleOf(1)))
    expect(await kept()).toHaveLength(1)
  })

  it('are kept where TENON_CACHE says', async () => {
    vi.stubEnv('TENON_CACHE', join(folder, 'elsewhere'))
    onTestFinished(() => void vi.unstubAllEnvs())
    const { pass, prepare } = weightOnly()
    const { decoder } = graphsOf(checkpoint)
    await prepare!({ decoder: pass({}, 'decoder').apply(decoder!) }, {}, { checkpoint, emit: () => {} })
    expect(await readdir(join(folder, 'elsewhere/weights'))).toHaveLength(1)
  })
})

describe('floats of 16 bits that a decoder is run with', () => {
  const inPlace = (graph: Graph) => Array.from(graph.constants.values()).filter(({ file }) => file?.inPlace === true)
  const casts = (graph: Graph) => graph.nodes.filter(({ op }) => op === Cast.op).length
  const wide = SIZE * SIZE * 4

  it.each<[string, WeightOnlyOptions, number]>([
    ['rounded to 16 bits', { bits: 16 }, 3],
    ['as they are stored', { smallest: Infinity, prefill: 'same' }, 1],
  ])('%s lie in the file as float32, to be run from there, and give what they give as they are stored', async (_, options, count) => {
    const { graphs, codes } = await prepared(options)
    const decoder = verify(graphs['decoder']!)
    expect([inPlace(decoder).map(({ dtype, byteLength }) => [dtype, byteLength]), casts(decoder), codes]).toEqual([Array.from({ length: count }, () => ['float32', wide]), 0, []])
    expect((await stat(join(cache, (await kept())[0]!))).size).toBeLessThan(count * wide + 4096)
    const without = (await prepared({ ...options, cache: false })).graphs['decoder']!
    expect([inPlace(without), casts(without)]).toEqual([[], count])
    // Sums in another order.
    expect(relativeError(await outputOf(backend, decoder, [4, SIZE], x), await outputOf(backend, without, [4, SIZE], x))).toBeLessThan(1e-6)
  })

  it('take no more than half the room for all models: others are widened at each start, and a notice says so', async () => {
    const fitting = await prepared({ bits: 16, cacheBytes: 2 * 3 * wide })
    expect([inPlace(fitting.graphs['decoder']!).length, casts(fitting.graphs['decoder']!), fitting.codes]).toEqual([3, 0, []])
    const { graphs, codes, events } = await prepared({ bits: 16, cacheBytes: 2 * 3 * wide - 1 })
    expect([inPlace(graphs['decoder']!).length, casts(graphs['decoder']!), codes]).toEqual([0, 3, ['TENON_WEIGHTS_WIDENED']])
    expect(events).toContainEqual(expect.objectContaining({ message: expect.stringMatching(/^model: its weights of 16 bits take 2 MB as they are run, more than half of what may be kept \(4 MB, 'cacheBytes'\)/) as string }))
  })

  it('are widened at each start where there is no room on the disk, which is told once', async () => {
    disk.blocks = 10
    onTestFinished(() => void (disk.blocks = undefined))
    const { graphs, codes } = await prepared({ bits: 16 })
    expect([codes, casts(graphs['decoder']!), await kept()]).toEqual([['TENON_WEIGHTS_NOT_KEPT'], 3, []])
  })

  it('stay as they are stored where no decoder is asked for, or prompts are read in other bits', async () => {
    const { pass, prepare } = weightOnly()
    const { model } = await prepare!({ model: pass({ bits: 16 }, 'model').apply(graphsOf(checkpoint)['model']!) }, { cache, bits: 16 }, { checkpoint, emit: () => {} })
    expect([inPlace(model!).length, casts(model!)]).toEqual([0, 3])
    const { decoder } = (await prepared({ bits: 16, prefill: 'int8' })).graphs
    expect([inPlace(decoder!).length, casts(decoder!)]).toEqual([0, 3])
  })

  it('stay as they are stored beside weights in fewer bits, which have to be packed', async () => {
    const { decoder } = (await prepared({ bits: 16, head: { bits: 8 } })).graphs
    expect([inPlace(decoder!).length, casts(decoder!), decoder!.nodes.filter(({ op }) => op === MatMulNBits.op).length]).toEqual([0, 2, 1])
  })

  it('that are looked up stay in the checkpoint, and are what the last layer multiplies with from the file', async () => {
    const builder = new GraphBuilder('tied')
    const stored = checkpoint.constants.get('second')!
    const table = builder.constant({ ...lazyConstant('float32', stored.shape, () => Promise.reject(new Error('nobody needs it wide'))), stored }, 'second')
    builder.output('y', Gemm(Gather(table, builder.input('ids', 'int64', ['rows'])), table, undefined, { transB: 1 }))
    for (const options of [{ bits: 16 }, { smallest: Infinity, prefill: 'same' }] as const) {
      const decoder = weightOnly().pass(options, 'decoder').apply(builder.build())
      const graphs = await weightOnly().prepare!({ decoder }, { cache, ...options }, { checkpoint, emit: () => {} })
      const constants = Array.from(verify(graphs['decoder']!).constants.values())
      expect(constants.map(({ dtype, file }) => [dtype, file?.inPlace === true, file?.path === stored.file!.path]).toSorted()).toEqual([['bfloat16', false, true], ['float32', true, false]])
    }
    expect(await kept()).toHaveLength(1)
  })
})

describe('a constant that is computed otherwise', () => {
  let computations: number
  beforeEach(() => void (computations = 0))

  /** A row of numbers. */
  const row = (origin: Origin | undefined, value = 1): Constant =>
    lazyConstant('float32', [1, SIZE], async () => {
      computations++
      return bytesOfArray(new Float32Array(SIZE).fill(value))
    }, origin)
  const adding = (constant: Constant): Graph => {
    const builder = new GraphBuilder('adds')
    builder.output('y', Add(builder.input('x', 'float32', ['rows', SIZE]), builder.constant(constant, 'row')))
    return builder.build()
  }
  const keep = (graphs: Graphs) => weightOnly().prepare!(graphs, { cache }, { checkpoint, emit: () => {} })
  const rowOf = (graphs: Graphs, role = 'decoder') => graphs[role]!.constants.get('row')!

  it('is kept too where it says what from, once for all graphs', async () => {
    const origin = { how: 'ones 1', files: [] }
    const graphs = () => ({ decoder: adding(row(origin)), prefill: adding(row({ ...origin })) })
    const first = await keep(graphs())
    expect(computations).toBe(1)
    const second = await keep(graphs())
    expect(computations).toBe(1)
    expect(await rowOf(second).bytes()).toEqual(bytesOfArray(new Float32Array(SIZE).fill(1)))
    expect([rowOf(first).file, rowOf(second, 'prefill').file]).toEqual([rowOf(second).file, rowOf(second).file])
    expect(rowOf(first).file).toBeDefined()
  })

  it('is computed anew where it is computed from something else, or otherwise', async () => {
    for (const [how, value] of [['ones 1', 1], ['twos 1', 2], ['twos 2', 2.5]] as const) {
      const graphs = await keep({ decoder: adding(row({ how, files: [] }, value)) })
      expect(new Float32Array((await rowOf(graphs).bytes()).buffer)[0]).toBe(value)
    }
    expect([computations, (await kept()).length]).toEqual([3, 3])
  })

  it('is computed anew where a file that it is read from is another', async () => {
    const source = join(folder, 'source.bin')
    const graphs = () => ({ decoder: adding(row({ how: 'of a file', files: [source] })) })
    await writeFile(source, 'one')
    await keep(graphs())
    await writeFile(source, 'two')
    await keep(graphs())
    expect(computations).toBe(2)
  })

  it('is kept where it is widened from 16 bits that lie in the checkpoint', async () => {
    const stored = checkpoint.constants.get('second')!
    const wide = () => ({ decoder: adding({ ...row(undefined), stored: { ...stored, shape: [1, SIZE] } }) })
    await keep(wide())
    expect(rowOf(await keep(wide())).file).toBeDefined()
    expect(computations).toBe(1)
  })

  it('stays to be computed where nothing says what from', async () => {
    expect(rowOf(await keep({ decoder: adding(row(undefined)) })).file).toBeUndefined()
    expect([computations, await kept()]).toEqual([0, []])
  })

  it('that cannot be computed says so, and leaves nothing', async () => {
    const constant = lazyConstant('float32', [1, SIZE], () => Promise.reject(new Error('the well is dry')), { how: 'water', files: [] })
    await expect(keep({ decoder: adding(constant) })).rejects.toThrow('the well is dry')
    expect(await kept()).toEqual([])
  })
})

describe('what writes a token at a time', () => {
  it.each<[string, WeightOnlyOptions]>([['kept', {}], ['computed at each start', { cache: false }]])('has one product for all weights of an input, over weights that are %s', async (_, options) => {
    const asked = { cache, prefill: 'same', ...options } as const
    const builder = new GraphBuilder('branches')
    const x = builder.input('x', 'float32', ['rows', SIZE])
    const [first, third] = ['first', 'third'].map((name) => Relu(Gemm(x, builder.constant(checkpoint.constants.get(name)!, name), undefined, { transB: 1 })))
    builder.output('y', Add(first!, third!))
    const plain = weightOnly().pass(asked, 'decoder').apply(builder.build())
    const { decoder, prefill, model } = await weightOnly().prepare!({ model: { ...plain }, decoder: plain, prefill: plain }, asked, { checkpoint, emit: () => {} })
    const products = (graph: Graph) => graph.nodes.filter(({ op }) => op === MatMulNBits.op)
    expect([products(model!).length, products(decoder!).length, prefill]).toEqual([2, 1, decoder])
    expect(computed(decoder!)).toEqual(options.cache === false ? products(verify(decoder!))[0]!.inputs.slice(1, 3) : [])
    expect(await run(decoder!)).toEqual(await run(model!))
  })
})

describe('a file that is kept', () => {
  const path = async () => join(cache, (await kept())[0]!)

  it('is of its own model: another one in its place, of the same size and time, has another', async () => {
    const first = await run((await prepared()).graphs['decoder']!)
    const weights = join(folder, 'model/model.safetensors')
    const { atime, mtime, size } = await stat(weights)
    await checkpoint[Symbol.asyncDispose]()
    await writeModel(join(folder, 'model'), SIZE, 2)
    await utimes(weights, atime, mtime)
    expect((await stat(weights)).size).toBe(size)
    checkpoint = await openModel(join(folder, 'model'))
    const second = await prepared()
    expect(made(second)).toBe(true)
    expect(await run(second.graphs['decoder']!)).not.toEqual(first)
    expect(await kept()).toHaveLength(2)
  })

  const flip = async (at: number) => {
    const file = await open(await path(), 'r+')
    const { size } = await file.stat()
    const position = at < 0 ? size + at : at
    const { buffer } = await file.read(Buffer.alloc(1), 0, 1, position)
    await file.write(Buffer.of(buffer[0]! ^ 1), 0, 1, position)
    await file.close()
  }
  it.each<[string, () => Promise<void>]>([
    ['has a wrong bit in the middle', async () => flip((await stat(await path())).size >> 1)],
    ['has a wrong bit at the end', () => flip(-1)],
    ['has a wrong bit in its header', () => flip(40)],
    ['ends early', async () => (await open(await path(), 'r+').then(async (file) => (await file.truncate(100_000), file))).close()],
    ['is empty', async () => writeFile(await path(), '')],
    ['is another file', async () => writeFile(await path(), await readFile(join(folder, 'model/model.safetensors')))],
  ])('is made anew where it %s, with a notice', async (_, damage) => {
    const first = await bytesOf((await prepared()).graphs['decoder']!)
    await setTimeout(150)
    await prepared()
    expect(await readdir(cache)).toContain(`${(await kept())[0]}.checked`)
    await damage()
    const again = await prepared()
    expect(again.codes).toEqual(['TENON_WEIGHTS_REBUILT'])
    expect(await bytesOf(again.graphs['decoder']!)).toEqual(first)
    expect((await prepared()).codes).toEqual([])
    expect(await kept()).toHaveLength(1)
  })
})

describe('what was looked at once', () => {
  it('is not looked at again until something is written to it', async () => {
    const first = await bytesOf((await prepared()).graphs['decoder']!)
    await setTimeout(150)
    await prepared()
    const path = join(cache, (await kept())[0]!)
    const { size } = await stat(path)
    const file = await open(path, 'r+')
    await file.write(Buffer.alloc(size >> 2, 77), 0, size >> 2, size >> 1)
    await file.close()
    await writeFile(`${path}.checked`, stampOf(path))
    const trusted = await prepared()
    expect(trusted.codes).toEqual([])
    expect(await bytesOf(trusted.graphs['decoder']!)).not.toEqual(first)
    await utimes(path, new Date(0), new Date(0))
    expect((await prepared()).codes).toEqual(['TENON_WEIGHTS_REBUILT'])
  })

  it('is looked at again where that was within the time in which a change may not show', async () => {
    await prepared()
    expect((await readdir(cache)).filter((name) => name.endsWith('.checked'))).toEqual([])
  })
})

describe('an abort', () => {
  it('ends the work with an AbortedError, and leaves nothing', async () => {
    const abort = new AbortController()
    await expect(prepared({}, { signal: abort.signal, onEvent: (event) => event.type === 'progress' && event.done > 0 && abort.abort() })).rejects.toMatchObject({ code: 'TENON_ABORTED' })
    expect(await kept()).toEqual([])
    expect(made(await prepared())).toBe(true)
  })

  it('before the beginning does too', async () => {
    await expect(prepared({}, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'TENON_ABORTED' })
    expect(await kept()).toEqual([])
  })
})

describe('where nothing can be kept', () => {
  it.each<[string, () => Promise<void>]>([
    ['a file is in the place of the folder', () => writeFile(cache, 'no folder')],
    ['a folder is in the place of the file', async () => {
      await prepared()
      const name = (await kept())[0]!
      await rm(join(cache, name))
      await writeModel(join(cache, name), 16)
    }],
  ])('because %s, a notice says so, and weights are computed when they are asked for', async (_, spoil) => {
    await spoil()
    const { graphs, codes } = await prepared()
    expect(codes).toContain('TENON_WEIGHTS_NOT_KEPT')
    expect(await run(graphs['decoder']!)).toEqual(await run((await prepared({ cache: false })).graphs['decoder']!))
    expect((await kept()).filter((name) => name.endsWith('.tmp') || name.endsWith('.lock'))).toEqual([])
  })

  it.skipIf(process.getuid?.() === 0)('because the folder may not be written, too', async () => {
    await prepared()
    await rm(join(cache, (await kept())[0]!))
    await chmod(cache, 0o500)
    onTestFinished(() => chmod(cache, 0o700))
    expect((await prepared()).codes).toEqual(['TENON_WEIGHTS_NOT_KEPT'])
  })

  it('because the disk is full, too, and how much room it takes', async () => {
    disk.blocks = 10
    onTestFinished(() => void (disk.blocks = undefined))
    const { codes, graphs, events } = await prepared()
    expect(codes).toEqual(['TENON_WEIGHTS_NOT_KEPT'])
    expect(events.at(-1)).toMatchObject({ message: expect.stringContaining('the weights take 1 MB, and there is room for 1 MB') as string })
    expect(computed(graphs['decoder']!)).not.toEqual([])
    expect(await kept()).toEqual([])
  })

  it('weights that cannot be read are told as what they are', async () => {
    await rm(join(folder, 'model/model.safetensors'))
    await expect(prepared()).rejects.toThrow('ENOENT')
  })
})

describe('the size of all that is kept', () => {
  it('is bounded: what was not used for longest goes, and what was used within the hour stays', async () => {
    await prepared()
    const [mine] = await kept()
    const hours = (count: number) => new Date(Date.now() - count * 3600 * 1000)
    const named = (name: string) => `${name}-${'0'.repeat(40)}.safetensors`
    const foreign = ['model.safetensors', 'other.txt', 'theirs.tmp'] // the folder may be one that somebody has other models in
    for (const [name, age] of [[named('old'), 50], [named('older'), 60], [named('new'), 0.5], [`${named('left')}.1.tmp`, 30], [`${named('growing')}.1.tmp`, 1], ...foreign.map((name) => [name, 99] as const)] as const) {
      await writeFile(join(cache, name), Buffer.alloc(1000))
      await utimes(join(cache, name), hours(age), hours(age))
    }
    const { size } = await stat(join(cache, mine!))
    await evict(cache, size + 2500)
    expect(await kept()).toEqual([mine, `${named('growing')}.1.tmp`, named('new'), named('old'), ...foreign].toSorted())
    await evict(cache, 0)
    expect(await kept()).toEqual([mine, `${named('growing')}.1.tmp`, named('new'), ...foreign].toSorted())
  })

  it('counts a file that is opened as used', async () => {
    await prepared()
    const path = join(cache, (await kept())[0]!)
    await utimes(path, new Date(0), new Date(0))
    await setTimeout(150)
    await prepared()
    await evict(cache, 0)
    expect(await kept()).toHaveLength(1)
    await utimes(`${path}.checked`, new Date(0), new Date(0))
    await prepared()
    await evict(cache, 0)
    expect(await kept()).toHaveLength(1)
    await utimes(`${path}.checked`, new Date(0), new Date(0))
    await evict(cache, 0)
    expect(await readdir(cache)).toEqual([])
  })
})

describe('processes that start at once', () => {
  let script: string
  beforeAll(async () => {
    const target = await mkdtemp(join(import.meta.dirname, '../../node_modules/.bundle-'))
    await build({
      configFile: false,
      logLevel: 'silent',
      resolve: { conditions: ['tenon-source'] },
      ssr: { noExternal: [/^@tenon\//], external: ['tokenizers'], resolve: { conditions: ['tenon-source', 'node', 'import'] } },
      build: { ssr: fileURLToPath(new URL('test-prepare-process.ts', import.meta.url)), outDir: target, target: 'node20', minify: false, emptyOutDir: false, rollupOptions: { output: { entryFileNames: 'bundle.mjs' } } },
    })
    script = join(target, 'bundle.mjs')
  })
  afterAll(() => rm(dirname(script), { recursive: true }))

  const start = (environment: Record<string, string> = {}) => {
    const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'], MODEL: join(folder, 'big'), TENON_CACHE: cache, ...environment } })
    const output = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]).then(([out, errors, [code, signal]]) => {
      if (code !== 0) throw new Error(`ended with ${String(code ?? signal)}: ${errors}`)
      return JSON.parse(out) as { told: string[]; read: number; files: string[] }
    })
    output.catch(() => undefined)
    return { child, output }
  }
  const folderOf = async () => (await readdir(join(cache, 'weights')).catch(() => [])).filter((name) => !name.endsWith('.checked'))

  it('make one file between them', async () => {
    await writeModel(join(folder, 'big'), 1536)
    const outputs = await Promise.all([start(), start(), start()].map(({ output }) => output))
    expect(outputs.filter(({ read }) => read > 0)).toHaveLength(1)
    expect(new Set(outputs.flatMap(({ files }) => files.map((file) => basename(file)))).size).toBe(2)
    expect(await folderOf()).toHaveLength(1)
  })

  it('do not mind one that was killed in the middle', async () => {
    await writeModel(join(folder, 'big'), 2048)
    const { child, output } = start()
    while (!(await folderOf()).some((name) => name.endsWith('.tmp'))) await setTimeout(5)
    child.kill('SIGKILL')
    await expect(output).rejects.toThrow('SIGKILL')
    expect((await folderOf()).some((name) => name.endsWith('.safetensors'))).toBe(false)
    const after = await start().output
    expect(after.read).toBeGreaterThan(0)
    expect(await folderOf()).toEqual([expect.stringMatching(/^big-[0-9a-f]{40}\.safetensors$/)])
  })
})
