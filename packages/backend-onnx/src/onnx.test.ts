import { mkdtemp, readdir, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { bytesOf, DisposedError, inlineConstant, lazyConstant, tensor, type Backend, type Constant, type Executable, type NumericType, type TenonEvent, type Tensor } from '@tenon/core'
import { GraphBuilder, scalar, verify } from '@tenon/graph'
import { Add, Div, Mul } from '@tenon/graph/ops'
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

  describe('updates', () => {
    /** total ← total + x, and what it was before. */
    const summing = () => {
      const builder = new GraphBuilder('summing')
      const [total, x] = [builder.input('total', 'float32', ['n']), builder.input('x', 'float32', ['n'])]
      const before = Mul(total, scalar(total, 10))
      builder.output('total.next', Add(total, Mul(x, Add(Div(before, before), scalar(x, 0)))), total)
      builder.output('before', before)
      return verify(builder.build())
    }

    it('are written into their feeds, and only the others are returned', async () => {
      await using executable = await compile(summing())
      expect(executable.outputs.map(({ name }) => name)).toEqual(['before'])
      const total = floats(1, 2)
      for (const expected of [[10, 20], [20, 40], [30, 60]]) {
        const { before, ...others } = await executable.run({ total, x: floats(1, 2) })
        expect(Array.from((await before!.data()) as Float32Array)).toEqual(expected)
        expect(others).toEqual({})
      }
      expect(Array.from(total.values)).toEqual([4, 8])
    })

    it('go into placed tensors, and leave alone what was placed', async () => {
      await using executable = await compile(summing())
      const start = floats(1, 2)
      using total = await executable.place(start)
      await executable.run({ total, x: floats(1, 1) })
      await executable.run({ total, x: floats(1, 1) })
      expect(Array.from((await total.data()) as Float32Array)).toEqual([3, 4])
      expect(Array.from(start.values)).toEqual([1, 2])
    })

    it('go into what another run returned', async () => {
      await using doubled = await compile(doubling)
      await using executable = await compile(summing())
      const { y: total } = await doubled.run({ x: floats(1, 2) })
      await executable.run({ total: total!, x: floats(1, 1) })
      expect(Array.from((await total!.data()) as Float32Array)).toEqual([3, 5])
    })

    it('are refused where their feed is fed twice, or cannot be written to', async () => {
      await using executable = await compile(summing())
      const total = floats(1, 2)
      await expect(executable.run({ total, x: total })).rejects.toThrow("its memory is fed as 'x' too")
      const elsewhere: Tensor<'float32'> = { dtype: 'float32', shape: [2], data: async () => Float32Array.of(1, 2), [Symbol.dispose]() {} }
      await expect(executable.run({ total: elsewhere, x: floats(1, 2) })).rejects.toThrow('lives on a device of another backend')
    })

    it('are refused where something could read the old value after they were written', async () => {
      const builder = new GraphBuilder('late')
      const [w, x] = [builder.input('w', 'float32', ['n']), builder.input('x', 'float32', ['n'])]
      builder.output('w.next', Mul(x, x), w)
      builder.output('y', Mul(w, x))
      await expect(compile(builder.build())).rejects.toThrow("Mul (which makes 'y') may read 'w' after 'w.next' was written over it")
    })
  })

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

    it('returns several outputs by name, and accepts an input that nothing reads', async () => {
      const twoWays = graph({ inputs: { x: ['n'], unread: ['n'] }, outputs: { negative: ['n'], root: ['n'] } }, ['Sqrt', ['x'], ['root']], ['Neg', ['x'], ['negative']])
      await using executable = await compile(twoWays)
      const { root, negative } = await executable.run({ x: floats(4, 9), unread: floats(0, 0) })
      expect(Array.from((await root!.data()) as Float32Array)).toEqual([2, 3])
      expect(Array.from((await negative!.data()) as Float32Array)).toEqual([-4, -9])
    })

    it('feeds an output to the next run', async () => {
      await using executable = await compile(doubling)
      using once = (await executable.run({ x: floats(1, 2, 3) })).y!
      using twice = (await executable.run({ x: once })).y!
      expect(Array.from((await twice.data()) as Float32Array)).toEqual([4, 8, 12])
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
    it.each([
      ['a missing feed', {}, "The input 'x' got no feed"],
      ['an unknown feed', { x: floats(1), xx: floats(1) }, "did you mean 'x'|Did you mean 'x'"],
      ['another type', { x: tensor('int32', [1], Int32Array.of(1)) }, 'is int32, and the input is float32'],
      ['another rank', { x: tensor('float32', [1, 1], Float32Array.of(1)) }, 'with 1 axes'],
      ['an array of another length', { x: { ...floats(1), shape: [5] } }, 'holds 20 bytes'],
    ])('refuses %s before native code sees it', async (_name, feeds, message) => {
      await using executable = await compile(doubling)
      await expect(executable.run(feeds)).rejects.toMatchObject({ code: 'TENON_INVALID_INPUT', message: expect.stringMatching(message) })
    })

    it('refuses other fixed sizes, and feeds that disagree on a symbol', async () => {
      await using executable = await compile(graph({ inputs: { a: ['batch', 2], b: ['batch', 2] }, outputs: { y: ['batch', 2] } }, ['Add', ['a', 'b'], ['y']]))
      const of = (rows: number, columns: number) => tensor('float32', [rows, columns], new Float32Array(rows * columns))
      await expect(executable.run({ a: of(1, 3), b: of(1, 2) })).rejects.toThrow('has the size 3 on axis 1')
      await expect(executable.run({ a: of(4, 2), b: of(1, 2) })).rejects.toThrow(/'b' has 1 as 'batch' \(axis 0\), and the feed 'a' has 4/)
    })

    it("passes on ONNX Runtime's words when it refuses a model, with a remedy", async () => {
      const withoutKernel = graph({ dtype: 'bfloat16', inputs: { x: ['n', 2], w: [2, 2] }, outputs: { y: ['n', 2] } }, ['MatMul', ['x', 'w'], ['y']])
      await expect(compile(withoutKernel)).rejects.toMatchObject({ code: 'TENON_BACKEND_FAILED', message: expect.stringContaining('MatMul'), remedy: expect.any(String) })
    })

    it("passes on ONNX Runtime's words when a run fails, and runs again afterwards", async () => {
      const pairs = inlineConstant('int64', [2], BigInt64Array.of(2n, -1n))
      await using executable = await compile(graph({ inputs: { x: ['n'] }, outputs: { y: [2, 'm'] }, constants: { pairs } }, ['Reshape', ['x', 'pairs'], ['y']]))
      await expect(executable.run({ x: floats(1, 2, 3) })).rejects.toMatchObject({ code: 'TENON_BACKEND_FAILED', message: expect.stringContaining('eshape') })
      expect((await executable.run({ x: floats(1, 2, 3, 4) })).y!.shape).toEqual([2, 2])
    })

    it('names an operator that it has no kernel for', async () => {
      const unknown = graph({ inputs: { x: ['n'] }, outputs: { y: ['n'] } }, ['com.example::Invented', ['x'], ['y']])
      await expect(compile(unknown)).rejects.toThrow('com.example::Invented')
    })

    it('refuses runs after disposal', async () => {
      const executable = await compile(doubling)
      await executable[Symbol.asyncDispose]()
      await executable[Symbol.asyncDispose]()
      await expect(executable.run({ x: floats(1) })).rejects.toThrow(DisposedError)
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

    it('runs several at once', async () => {
      await using executable = await compile(doubling)
      const results = await Promise.all(
        Array.from({ length: 40 }, async (_, index) => {
          const { y } = await executable.run({ x: floats(index, -index) })
          return Array.from((await y!.data()) as Float32Array)
        }),
      )
      results.forEach((result, index) => expect(result).toEqual([2 * index, -2 * index]))
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
