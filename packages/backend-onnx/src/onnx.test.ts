import { mkdtemp, open, readdir, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { bytesOf, inlineConstant, lazyConstant, tensor, type Backend, type Constant, type Executable, type NumericType, type TenonEvent } from '@tenon/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { onnx, type OnnxOptions } from './index.js'
import { doubling, floats, graph, longWork } from './testing/graphs.js'

const ignore = { emit: () => {} }

describe.each(['native', 'worker'] as const)('the %s binding', (binding) => {
  let backend: Backend<'onnx', OnnxOptions>
  let folder: string

  beforeAll(async () => {
    backend = onnx({ binding, threads: 2 })
    folder = await mkdtemp(join(tmpdir(), 'backend-onnx-test-'))
  })

  afterAll(async () => {
    await backend.dispose?.()
    await rm(folder, { recursive: true })
  })

  const compile = (...[model, options = {}]: [Parameters<typeof backend.compile>[0], OnnxOptions?]): Promise<Executable> => backend.compile(model, options, ignore)

  /** A weight in a file, as a checkpoint would give it. */
  async function inFile(name: string, values: Float32Array, offset: number, shape = [values.length]): Promise<Constant> {
    const path = join(folder, name)
    await writeFile(path, Buffer.concat([Buffer.alloc(offset, 1), bytesOf(values)]))
    const forbidden = () => Promise.reject(new Error('mapped weights are not fetched'))
    return { dtype: 'float32', shape, byteLength: values.byteLength, file: { path, offset }, bytes: forbidden }
  }

  describe('values', () => {
    it.each<[NumericType, Parameters<typeof tensor>[2]]>([
      ['float32', Float32Array.of(1.5, -2)],
      ['float64', Float64Array.of(1.5, -2)],
      ['float16', Uint16Array.of(0x3c00, 0xc000)],
      ['int64', BigInt64Array.of(1n, -(2n ** 62n))],
      ['int32', Int32Array.of(1, -2)],
      ['int16', Int16Array.of(1, -2)],
      ['int8', Int8Array.of(1, -2)],
      ['uint64', BigUint64Array.of(1n, 2n ** 63n)],
      ['uint32', Uint32Array.of(1, 2)],
      ['uint16', Uint16Array.of(1, 2)],
      ['uint8', Uint8Array.of(1, 2)],
      ['bool', Uint8Array.of(1, 0)],
    ])('carries %s in and out', async (dtype, values) => {
      await using executable = await compile(graph({ dtype, inputs: { x: ['n'] }, outputs: { y: ['m'] } }, ['Concat', ['x', 'x'], ['y'], { axis: 0 }]))
      const { y } = await executable.run({ x: tensor(dtype, [2], values) })
      expect(y).toMatchObject({ dtype, shape: [4] })
      const array = await y!.data()
      expect(array.constructor).toBe(values.constructor)
      expect(Array.from(array as Uint8Array)).toEqual([...values, ...values])
    })

    it('takes scalars, views into larger arrays, and tensors without elements', async () => {
      await using executable = await compile(graph({ inputs: { x: ['n'], s: [] }, outputs: { y: ['n'] } }, ['Mul', ['x', 's'], ['y']]))
      const s = tensor('float32', [], Float32Array.of(3))
      const x = tensor('float32', [2], Float32Array.of(9, 1, 2, 9).subarray(1, 3))
      expect(Array.from((await (await executable.run({ x, s })).y!.data()) as Float32Array)).toEqual([3, 6])
      const { y } = await executable.run({ x: tensor('float32', [0], new Float32Array()), s })
      expect(y!.shape).toEqual([0])
      expect(await y!.data()).toHaveLength(0)
    })

    it('refuses to read a tensor after its disposal, while views taken before stay whole', async () => {
      await using executable = await compile(graph({ inputs: { x: ['n'] }, outputs: { y: ['n'] } }, ['Neg', ['x'], ['y']]))
      const input = tensor('float32', [100_000], new Float32Array(100_000).fill(1))
      const first = (await executable.run({ x: input })).y!
      const view = (await first.data()) as Float32Array
      first[Symbol.dispose]()
      first[Symbol.dispose]()
      for (let run = 0; run < 10; run++) (await executable.run({ x: tensor('float32', [100_000], new Float32Array(100_000).fill(run)) })).y![Symbol.dispose]()
      expect(view.every((value) => value === -1)).toBe(true)
    })
  })

  describe('weights', () => {
    it('maps weights from several files, at offsets no alignment divides, through links', async () => {
      const a = await inFile('a.bin', Float32Array.from({ length: 300 }, (_, index) => index), 1)
      const b = await inFile('b.bin', new Float32Array(300).fill(10), 4097)
      await symlink(join(folder, 'b.bin'), join(folder, 'link.bin'))
      const linked: Constant = { ...b, file: { path: join(folder, 'link.bin'), offset: 4097 } }
      const sum = graph({ inputs: { x: [300] }, outputs: { y: [300] }, constants: { a, b: linked } }, ['Add', ['x', 'a'], ['s']], ['Add', ['s', 'b'], ['y']])
      await using executable = await compile(sum)
      const { y } = await executable.run({ x: tensor('float32', [300], new Float32Array(300).fill(1)) })
      expect(Array.from((await y!.data()) as Float32Array)).toEqual(Array.from({ length: 300 }, (_, index) => index + 11))
    })

    it('computes weights once when they are asked for, and leaves no file behind', async () => {
      let computed = 0
      const scale = lazyConstant('float32', [70_000], async () => {
        computed++
        return bytesOf(new Float32Array(70_000).fill(3))
      })
      const elsewhere = await mkdtemp(join(folder, 'spill-'))
      const spilling = onnx({ binding, temporaryFolder: elsewhere, threads: 2 })
      const product = graph({ inputs: { x: [70_000] }, outputs: { y: [70_000] }, constants: { scale, again: scale } }, ['Mul', ['x', 'scale'], ['p']], ['Mul', ['p', 'again'], ['y']])
      const executable = await spilling.compile(product, {}, ignore)
      const { y } = await executable.run({ x: tensor('float32', [70_000], new Float32Array(70_000).fill(1)) })
      expect(((await y!.data()) as Float32Array).every((value) => value === 9)).toBe(true)
      expect(computed).toBe(1)
      await spilling.dispose?.()
      expect(await readdir(elsewhere)).toEqual([])
    })

    it('gives the same numbers without prepacked weights', async () => {
      const values = Float32Array.from({ length: 64 * 64 }, (_, index) => Math.sin(index))
      const product = graph(
        { inputs: { x: ['rows', 64] }, outputs: { y: ['rows', 64] }, constants: { w: await inFile('w.bin', values, 12, [64, 64]) } },
        ['MatMul', ['x', 'w'], ['y']],
      )
      const x = tensor('float32', [2, 64], Float32Array.from({ length: 128 }, (_, index) => Math.cos(index)))
      await using packed = await compile(product)
      await using mapped = await compile(product, { prepack: false })
      const [a, b] = await Promise.all([packed, mapped].map(async (executable) => (await executable.run({ x })).y!.data() as Promise<Float32Array>))
      a!.forEach((value, index) => expect(value).toBeCloseTo(b![index]!, 4))
    })

    it('leaves weights where they lie that were laid there to be run from there, unless it is told to pack them', async () => {
      const before = new Float32Array(64 * 64).fill(1)
      const weight = await inFile('in-place.bin', before, 0, [64, 64])
      const product = (w: Constant) => graph({ inputs: { x: ['rows', 64] }, outputs: { y: ['rows', 64] }, constants: { w } }, ['MatMul', ['x', 'w'], ['y']])
      const inPlace: Constant = { ...weight, file: { ...weight.file!, inPlace: true } }
      const all = [await compile(product(weight)), await compile(product(inPlace)), await compile(product(inPlace), { prepack: true })]
      await (await open(weight.file!.path, 'r+').then(async (file) => (await file.write(bytesOf(before.fill(2))), file))).close()
      const x = tensor('float32', [1, 64], new Float32Array(64).fill(1))
      const results = await Promise.all(all.map(async (executable) => ((await (await executable.run({ x })).y!.data()) as Float32Array)[0]))
      expect(results).toEqual([64, 128, 64]) // what is packed is a copy from before
      await Promise.all(all.map((executable) => executable[Symbol.asyncDispose]()))
    })

    it('leaves whole numbers where they lie that were laid there to be run from there, for the same results to the bit', async () => {
      const numbers = Int8Array.from({ length: 64 * 96 }, (_, index) => (index * 37) % 256)
      const path = join(folder, 'whole.bin')
      await writeFile(path, numbers)
      const weight = (inPlace: boolean): Constant => ({ dtype: 'int8', shape: [64, 96], byteLength: numbers.length, file: { path, offset: 0, inPlace }, bytes: async () => new Uint8Array(numbers.buffer) })
      const product = (w: Constant) =>
        graph(
          { inputs: { x: ['rows', 64] }, outputs: { y: ['rows', 96] }, constants: { w } },
          ['DynamicQuantizeLinear', ['x'], ['bytes', 'scale', 'zero']], ['MatMulInteger', ['bytes', 'w', 'zero'], ['sums']], ['Cast', ['sums'], ['floats'], { to: 'float32' }], ['Mul', ['floats', 'scale'], ['y']],
        )
      await using packed = await compile(product(weight(false)))
      await using left = await compile(product(weight(true)))
      for (const rows of [1, 2, 3, 7, 64]) {
        const x = tensor('float32', [rows, 64], Float32Array.from({ length: rows * 64 }, (_, index) => Math.sin(index)))
        const [expected, actual] = await Promise.all([packed, left].map(async (executable) => (await executable.run({ x })).y!.data()))
        expect(actual).toEqual(expected)
      }
    })

    it('says which file is missing, and which ends before its weights do', async () => {
      const gone = await inFile('gone.bin', new Float32Array(300), 0)
      await rm(join(folder, 'gone.bin'))
      const short = await inFile('short.bin', new Float32Array(300), 0)
      await truncate(join(folder, 'short.bin'), 1000)
      const withWeight = (w: Constant) => graph({ inputs: { x: [300] }, outputs: { y: [300] }, constants: { w } }, ['Add', ['x', 'w'], ['y']])
      await expect(compile(withWeight(gone))).rejects.toMatchObject({ code: 'TENON_MISSING_FILE', path: join(folder, 'gone.bin') })
      await expect(compile(withWeight(short))).rejects.toMatchObject({ code: 'TENON_INVALID_FILE', path: join(folder, 'short.bin') })
    })

    it('refuses a computed weight that has not the bytes it promised', async () => {
      const w = lazyConstant('float32', [300], async () => new Uint8Array(8))
      await expect(compile(graph({ inputs: { x: [300] }, outputs: { y: [300] }, constants: { w } }, ['Add', ['x', 'w'], ['y']]))).rejects.toMatchObject({ code: 'TENON_INVALID_GRAPH' })
    })
  })

  describe('mistakes', () => {
    it('names an operator and its node that ONNX Runtime has no kernel for in these types', async () => {
      const withoutKernel = graph({ dtype: 'bfloat16', inputs: { x: ['n', 2], w: [2, 2] }, outputs: { y: ['n', 2] } }, ['MatMul', ['x', 'w'], ['y']])
      await expect(compile(withoutKernel)).rejects.toMatchObject({ code: 'TENON_UNSUPPORTED_OP', op: 'MatMul', message: expect.stringContaining("'y'") })
    })

    it("passes on ONNX Runtime's words when a run fails, and runs again afterwards", async () => {
      const pairs = inlineConstant('int64', [2], BigInt64Array.of(2n, -1n))
      await using executable = await compile(graph({ inputs: { x: ['n'] }, outputs: { y: [2, 'm'] }, constants: { pairs } }, ['Reshape', ['x', 'pairs'], ['y']]))
      await expect(executable.run({ x: floats(1, 2, 3) })).rejects.toMatchObject({ code: 'TENON_BACKEND_FAILED', message: expect.stringContaining('eshape') })
      expect((await executable.run({ x: floats(1, 2, 3, 4) })).y!.shape).toEqual([2, 2])
    })
  })

  describe('time', () => {
    it('leaves the event loop free during a run', async () => {
      const { graph: work, feeds } = longWork(100)
      await using executable = await compile(work)
      let ticks = 0
      const timer = setInterval(() => ticks++, 5)
      const started = performance.now()
      let elapsed = 0
      while (elapsed < 500) {
        ;(await executable.run(feeds)).y![Symbol.dispose]()
        elapsed = performance.now() - started
      }
      clearInterval(timer)
      // A loop that is held up ticks once a run. Where nothing else computes all ticks come; other processes take some.
      expect(ticks).toBeGreaterThan((elapsed / 5) * 0.25)
    })

    it('ends a run soon after its signal aborts, and runs again afterwards', async () => {
      const { graph: work, feeds } = longWork(100)
      await using executable = await compile(work)
      const controller = new AbortController()
      let aborted = 0
      setTimeout(() => {
        aborted = performance.now()
        controller.abort('enough')
      }, 150)
      await expect(executable.run(feeds, { signal: controller.signal })).rejects.toMatchObject({ name: 'AbortError', cause: 'enough' })
      expect(performance.now() - aborted).toBeLessThan(500)
      // Natively there is no way that this takes less than seconds, were the first run still computing or run to its end.
      const { y } = await (await compile(doubling)).run({ x: floats(1) })
      expect(y!.shape).toEqual([1])
      await expect(executable.run(feeds, { signal: AbortSignal.timeout(50) })).rejects.toMatchObject({ name: 'AbortError' })
    })

    it('rejects at once when the signal is aborted before, or while a run waits for its turn', async () => {
      const { graph: work, feeds } = longWork(20)
      await using executable = await compile(work)
      await expect(executable.run(feeds, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
      const controller = new AbortController()
      const running = Array.from({ length: 4 }, () => executable.run(feeds))
      const waiting = executable.run(feeds, { signal: controller.signal })
      controller.abort()
      await expect(waiting).rejects.toMatchObject({ name: 'AbortError' })
      for (const { y } of await Promise.all(running)) y![Symbol.dispose]()
    })

    it('stops compiling when the signal aborts', async () => {
      const controller = new AbortController()
      const w = lazyConstant('float32', [300], async () => {
        controller.abort()
        return bytesOf(new Float32Array(300))
      })
      const sum = graph({ inputs: { x: [300] }, outputs: { y: [300] }, constants: { w } }, ['Add', ['x', 'w'], ['y']])
      await expect(backend.compile(sum, {}, { ...ignore, signal: controller.signal })).rejects.toMatchObject({ name: 'AbortError' })
    })

    it('waits for runs under way before it frees the session', async () => {
      const { graph: work, feeds } = longWork(30)
      const executable = await compile(work)
      const runs = [executable.run(feeds), executable.run(feeds)]
      let settled = 0
      for (const run of runs) void run.then(() => settled++)
      await executable[Symbol.asyncDispose]()
      expect(settled).toBe(2)
      for (const { y } of await Promise.all(runs)) expect(((await y!.data()) as Float32Array)[5]).toBe(1)
    })

    it('tells what the weights hold', async () => {
      const events: TenonEvent[] = []
      const executable = await backend.compile(doubling, {}, { emit: (event) => events.push(event) })
      await executable[Symbol.asyncDispose]()
      expect(events.filter(({ type }) => type !== 'notice')).toEqual([
        { type: 'memory', name: "weights of 'doubling'", bytes: 4 },
        { type: 'memory', name: "weights of 'doubling'", bytes: 0 },
      ])
    })
  })

  it('gives memory back over 100 cycles of compiling, running and disposing', async () => {
    const w = lazyConstant('float32', [512, 512], async () => bytesOf(new Float32Array(512 * 512).fill(1)))
    const product = graph({ inputs: { x: ['rows', 512] }, outputs: { y: ['rows', 512] }, constants: { w } }, ['MatMul', ['x', 'w'], ['y']])
    const x = tensor('float32', [256, 512], new Float32Array(256 * 512).fill(1))
    const cycle = async () => {
      await using executable = await compile(product)
      using y = (await executable.run({ x })).y!
      expect(((await y.data()) as Float32Array)[0]).toBe(512)
    }
    for (let warm = 0; warm < 10; warm++) await cycle()
    const before = process.memoryUsage().rss
    for (let count = 0; count < 100; count++) await cycle()
    // One cycle's weight, packed weight and output are 2.5 MB: kept, they would come to 250.
    expect((process.memoryUsage().rss - before) / 2 ** 20).toBeLessThan(100)
  }, 120_000)
})

it('a backend that is disposed of while it compiles ends when that has', async () => {
  const backend = onnx({ threads: 2 })
  let compiled = false
  const compiling = backend.compile(doubling, {}, ignore).then(() => (compiled = true))
  await backend.dispose?.()
  expect(compiled).toBe(true)
  await compiling
})
