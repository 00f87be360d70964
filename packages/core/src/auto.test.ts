import { describe, expect, it } from 'vitest'
import { createRuntime, tensor, type Backend, type Graph, type Model, type Plugin, type Probe, type Tensor } from './index.js'
import { fakes } from './testing/fakes.js'

const wait = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds))

const encoder: Graph = {
  name: 'encoder',
  inputs: [{ name: 'input_ids', dtype: 'int64', shape: ['batch', 'sequence'] }, { name: 'attention_mask', dtype: 'float32', shape: ['batch', 1, 'sequence'] }],
  outputs: [{ name: 'y', dtype: 'float32', shape: ['batch'] }],
  nodes: [],
  constants: new Map(),
}

/** Backends whose runs take as long as they are told, and what they were fed. */
function paced(graphs: Record<string, Graph> = { model: encoder }) {
  const make = fakes()
  const fed: Record<string, Tensor>[] = []
  const runs: string[] = []
  let unread = 0
  const backend = (name: string, milliseconds: (device: string | undefined) => number | Promise<never>, probe: Probe = { available: true, devices: [{ device: 'cpu', available: true }] }, compiling = 0): Backend<string, { readonly device?: string }> => ({
    kind: 'backend', version: 'v1', name,
    probe: async () => probe,
    supports: () => true,
    dispose: async () => void make.log.push(`dispose ${name}`),
    async compile(graph, options) {
      if (compiling > 0) await wait(compiling)
      const label = [name, options.device].filter(Boolean).join('/')
      return {
        ...make.hold(label),
        inputs: graph.inputs,
        outputs: graph.outputs,
        async run(feeds) {
          fed.push(feeds)
          runs.push(label)
          await wait(await milliseconds(options.device))
          unread++
          const values = tensor('float32', [1], new Float32Array(1))
          return { y: { ...values, [Symbol.dispose]: () => void unread-- } }
        },
        place: async (given) => given,
      }
    },
  })
  const model: Model<'bert'> = { ...make.model, build: async () => graphs, maxLength: () => 64 }
  const notices: string[] = []
  const runtime = (...backends: Backend<string, { readonly device?: string }>[]) => {
    const made = createRuntime({ plugins: [make.source('files'), model, make.task('echo'), ...backends] as readonly Plugin[] })
    made.on('notice', ({ code, message }) => notices.push(`${code} ${message}`))
    return made
  }
  return { make, backend, runtime, notices, fed, runs, unread: () => unread }
}
const auto = (options: object = {}) => ({ model: 'm', backend: { name: 'auto', ...options } }) as never

describe("the backend 'auto'", () => {
  it('is the quickest of all backends and devices, says why, and frees the others', async () => {
    const { make, backend, runtime, notices, unread } = paced()
    const gpu = { available: false, reason: 'no GPU' } as const
    const several: Probe = { available: true, devices: [{ device: 'wasm', available: true }, { device: 'cpu', available: true }, { device: 'gpu', available: false, reason: 'no driver' }] }
    await using made = runtime(backend('slow', () => 40), backend('quick', (device) => (device === 'wasm' ? 25 : 1), several), backend('none', () => 1, gpu))
    const stages: string[] = []
    made.on('progress', ({ stage, done, total }) => stages.push(`${stage} ${done}/${total}`))
    await made.task('echo', auto())
    expect(stages).toEqual(['measuring slow/cpu 0/3', 'measuring quick/wasm 1/3', 'measuring quick/cpu 2/3'])
    expect(make.log).toEqual(['files m', 'slow', 'quick/wasm', 'free slow', 'quick/cpu', 'free quick/wasm'])
    expect(notices).toHaveLength(1)
    expect(notices[0]).toMatch(/^TENON_AUTO_BACKEND 'encoder' runs on quick\/cpu: slow\/cpu 4\d(\.\d)? ms, quick\/wasm 2\d(\.\d)? ms, quick\/cpu \d\.?\d* ms a run of batch 1, sequence 64; quick\/gpu: no driver; none: no GPU$/)
    expect(unread()).toBe(0)
  })

  it('feeds what the inputs are made for, in the sizes asked for and no longer than the model reads', async () => {
    const { backend, runtime, fed } = paced()
    await using made = runtime(backend('a', () => 1), backend('b', () => 1))
    await made.task('echo', auto({ sizes: { batch: 3, sequence: 1000 } }))
    const { input_ids, attention_mask } = fed[0]!
    expect([input_ids!.shape, attention_mask!.shape]).toEqual([[3, 64], [3, 1, 64]])
    expect(new Set((await input_ids!.data()) as BigInt64Array)).toEqual(new Set([0n]))
    expect(new Set((await attention_mask!.data()) as Float32Array)).toEqual(new Set([1]))
  })

  it('feeds a decoder texts that begin, and a cache with room for them', async () => {
    const decoder: Graph = { ...encoder, inputs: [encoder.inputs[0]!, { name: 'lengths', dtype: 'int32', shape: ['batch'] }, { name: 'past_key_values.0.key', dtype: 'float32', shape: ['batch', 2, 'capacity', 4] }] }
    const { backend, runtime, fed } = paced({ model: decoder })
    await using made = runtime(backend('a', () => 1), backend('b', () => 1))
    await made.task('echo', auto({ sizes: { batch: 2 } }))
    const { lengths, 'past_key_values.0.key': past } = fed[0]!
    expect(await lengths!.data()).toEqual(Int32Array.of(64, 64))
    expect(past!.shape).toEqual([2, 2, 64, 4])
  })

  it('remembers for graphs alike, and measures others', async () => {
    const { backend, runtime, runs, notices } = paced()
    await using made = runtime(backend('a', () => 1), backend('b', () => 10))
    await (await made.task('echo', auto())).dispose()
    const measured = runs.length
    await made.task('echo', { model: 'other', backend: 'auto' } as never)
    expect(runs).toHaveLength(measured)
    expect(notices[1]).toBe("TENON_AUTO_BACKEND 'encoder' runs on a/cpu, the quickest for a graph alike")
    await made.task('echo', auto({ sizes: { batch: 2 } }))
    expect(runs.length).toBeGreaterThan(measured)
  })

  it('measures once for tasks that are made at the same time', async () => {
    const { backend, runtime, notices, make } = paced()
    await using made = runtime(backend('a', () => 1), backend('b', () => 10))
    await Promise.all(['m', 'm', 'n'].map((model) => made.task('echo', { model, backend: 'auto' } as never)))
    expect(notices.filter((notice) => notice.includes(' ms'))).toHaveLength(1)
    expect(make.log.filter((line) => line === 'a')).toHaveLength(1)
  })

  it('does not measure what is the only one', async () => {
    const { backend, runtime, runs, notices } = paced()
    await using made = runtime(backend('a', () => 1), backend('b', () => 1, { available: false, reason: 'not installed' }))
    await made.task('echo', auto())
    expect(runs).toEqual([])
    expect(notices).toEqual(["TENON_AUTO_BACKEND 'encoder' runs on a/cpu: nothing else is available; b: not installed"])
  })

  it('chooses among those that it is told to', async () => {
    const { backend, runtime, make } = paced()
    await using made = runtime(backend('a', () => 1), backend('b', () => 30), backend('c', () => 10))
    await made.task('echo', auto({ among: ['b', { name: 'c', device: 'cpu' }] }))
    expect(make.log).toEqual(['files m', 'b', 'c/cpu', 'free b'])
  })

  it('passes over what fails to compile or to run, and what takes too long, and leaves nothing of them', async () => {
    const { backend, runtime, make, notices } = paced()
    const broken: Backend<string, object> = { ...make.backend('broken'), compile: () => Promise.reject(new Error('no kernel')) }
    const never = backend('never', () => 400)
    await using made = runtime(broken as never, backend('failing', () => Promise.reject(new Error('out of memory'))), never, backend('late', () => 1, undefined, 300), backend('good', () => 1))
    await made.task('echo', auto({ milliseconds: 100 }))
    expect(notices[0]).toMatch(/runs on good\/cpu: good\/cpu .* ms a run of .*; broken: no kernel; failing\/cpu: out of memory; never\/cpu: took longer than 100 ms to compile and warm up; late\/cpu: took longer/)
    await made.dispose()
    expect(make.live.size).toBe(0)
    expect(make.log).toContain('late')
    expect(make.log.indexOf('free late')).toBeLessThan(make.log.indexOf('dispose late'))
  })

  it('takes the first that compiles where none can be measured', async () => {
    const { backend, runtime, notices, make } = paced({ model: { ...encoder, inputs: [{ name: 'words', dtype: 'string', shape: ['batch'] }] } })
    await using made = runtime(backend('a', () => 1), backend('b', () => 1))
    await made.task('echo', auto())
    expect(make.log.at(-1)).toBe('a')
    expect(notices[0]).toMatch(/runs on a\/cpu: none could be measured; a\/cpu: The input 'words' takes strings/)
  })

  it('is stopped by an abort, also while it waits for another measurement, and leaves nothing', async () => {
    const { backend, runtime, make, runs } = paced()
    await using made = runtime(backend('a', () => 30), backend('b', () => 30))
    const controller = new AbortController()
    const signal = controller.signal
    const both = Promise.allSettled([made.task('echo', { model: 'm', backend: 'auto', signal } as never), made.task('echo', { model: 'n', backend: 'auto', signal } as never)])
    while (runs.length < 2) await wait(1)
    controller.abort('enough')
    for (const each of await both) expect(each).toMatchObject({ status: 'rejected', reason: { name: 'AbortError', cause: 'enough' } })
    await made.dispose()
    expect(make.live.size).toBe(0)
    expect(runs.every((label) => label === 'a')).toBe(true)
  })

  it.each(['progress', 'notice'] as const)('leaves nothing where a listener throws: %s', async (type) => {
    const { backend, runtime, make } = paced()
    await using made = runtime(backend('a', () => 1), backend('b', () => 1))
    let heard = 0
    made.on(type, () => { if (type === 'notice' || ++heard === 2) throw new Error('listener') })
    await expect(made.task('echo', auto())).rejects.toThrow('listener')
    expect(make.live.size).toBe(0)
  })

  it('is an error with every reason where nothing is available', async () => {
    const { backend, runtime } = paced()
    await using made = runtime(backend('a', () => 1, { available: false, reason: 'no library' }), backend('b', () => 1, { available: false, reason: 'no GPU' }))
    await expect(made.task('echo', auto())).rejects.toMatchObject({ code: 'TENON_BACKEND_UNAVAILABLE', message: expect.stringContaining('a: no library; b: no GPU') })
  })
})
