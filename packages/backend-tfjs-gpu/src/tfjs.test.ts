import { inlineConstant, isHostTensor, tensor, type Executable, type Graph, type NumericType, type Tensor, type TenonEvent } from '@tenon/core'
import { GraphBuilder, type Value } from '@tenon/graph'
import { Add, Cast, ConstantOfShape, Div, Gather, MatMul, Mul, Reshape, standardOps, Sub } from '@tenon/graph/ops'
import * as tf from '@tensorflow/tfjs-core'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { tfjs } from './index.js'
import { load, testedDevices } from './testing/devices.js'
import { doubling, floats, ids, longWork, model } from './testing/graphs.js'

const ignore = { emit: () => {} }

load('@tensorflow/tfjs-backend-cpu') // the program's own

/** One node, or a few, over inputs of the given types. */
function graphOf(inputs: Readonly<Record<string, readonly [NumericType, readonly (number | string)[]]>>, make: (...values: Value[]) => Value): Graph {
  const builder = new GraphBuilder('test')
  builder.output('y', make(...Object.entries(inputs).map(([name, [dtype, shape]]) => builder.input(name, dtype, shape))))
  return builder.build()
}

const int64s = (...values: bigint[]) => tensor('int64', [values.length], BigInt64Array.from(values))

async function numbersOf(output: Tensor): Promise<number[]> {
  using result = output
  return Array.from((await result.data()) as Float32Array, Number)
}

describe.each(testedDevices)('on %s', (device) => {
  const backend = tfjs({ devices: [device], load })
  afterAll(() => backend.dispose?.())

  /** An executable for the length of a test. */
  async function compile(graph: Graph): Promise<Executable> {
    const executable = await backend.compile(graph, {}, ignore)
    onTestFinished(() => executable[Symbol.asyncDispose]())
    return executable
  }

  async function run(graph: Graph, feeds: Readonly<Record<string, Tensor>>): Promise<Tensor> {
    const output = (await (await compile(graph)).run(feeds))['y']!
    onTestFinished(() => output[Symbol.dispose]())
    return output
  }

  /** What is held, by the library's own count. */
  const held = () => ({ tensors: tf.memory().numTensors, bytes: tf.memory().numBytes, buffers: tf.memory().numDataBuffers, data: (tf.engine().findBackend(device === 'native' ? 'tensorflow' : device) as unknown as { numDataIds(): number }).numDataIds() })

  it('runs a graph', async () => {
    expect(await numbersOf(await run(doubling(), { x: floats(1, 2, 3) }))).toEqual([2, 4, 6])
  })

  it('runs whatever backend the program has chosen, and leaves the choice', async () => {
    await tf.setBackend('cpu')
    const executable = await compile(model())
    expect(await numbersOf((await executable.run({ ids: ids(3, 4) }))['probabilities']!)).toHaveLength(128)
    expect(tf.getBackend()).toBe('cpu')
    expect(Array.from(await tf.add([1], [2]).data())).toEqual([3])
  })

  it.each([
    ['Max', [NaN, 1, 3, NaN]],
    ['Min', [NaN, -1, 1, NaN]],
    ['Clip', [NaN, -0.5, 0.5, NaN]],
    ['Relu', [NaN, 0, 3, NaN]],
    ['Sign', [NaN, -1, 1, NaN]],
    ['Round', [NaN, -1, 3, NaN]],
    ['ReduceMax', [NaN]],
  ])('keeps what is no number where it is: %s', async (op, expected) => {
    const number = (x: Value, value: number) => x.builder.constant(inlineConstant('float32', [], Float32Array.of(value)))
    const others = (x: Value) => (op === 'Max' || op === 'Min' ? [number(x, 1)] : op === 'Clip' ? [number(x, -0.5), number(x, 0.5)] : [])
    const graph = graphOf({ x: ['float32', ['n']] }, (x) => x!.builder.emit(standardOps.get(op)!, [x, ...others(x!)], op === 'ReduceMax' ? { keepdims: 1 } : {})[0]!)
    expect(await numbersOf(await run(graph, { x: floats(NaN, -1, 3, NaN) }))).toEqual(expected)
  })

  describe('memory', () => {
    it('is flat over runs', async () => {
      const executable = await compile(model())
      await numbersOf((await executable.run({ ids: ids(1, 2, 3) }))['probabilities']!)
      const before = held()
      for (let round = 0; round < 50; round++) (await executable.run({ ids: ids(1, 2, 3) }))['probabilities']![Symbol.dispose]()
      expect(held()).toEqual(before)
    })

    it('is as before after runs that failed and were aborted', async () => {
      const { graph, feeds } = longWork(400, 128)
      const [failing, long] = [await compile(model()), await compile(graph)]
      const before = held()
      await expect(failing.run({ ids: ids(1, 300) })).rejects.toMatchObject({ code: 'TENON_INVALID_INPUT' })
      await expect(long.run(feeds, { signal: AbortSignal.timeout(20) })).rejects.toMatchObject({ name: 'AbortError' })
      expect(held()).toEqual(before)
    })

    it('is given back with the executable', async () => {
      const before = held()
      const executable = await backend.compile(model(), {}, ignore)
      expect(held().bytes - before.bytes).toBeGreaterThanOrEqual(4 * (256 * 64 + 64 * 64 + 64))
      await executable[Symbol.asyncDispose]()
      expect(held()).toEqual(before)
    })

    it('holds a weight once that two executables have, until both are gone', async () => {
      const graph = model()
      const buffers = held().data
      const first = await backend.compile(graph, {}, ignore)
      const one = held().data - buffers
      const second = await backend.compile({ ...graph, name: 'another' }, {}, ignore)
      expect(held().data - buffers).toBe(one)
      await first[Symbol.asyncDispose]()
      await numbersOf((await second.run({ ids: ids(7) }))['probabilities']!)
      expect(held().data - buffers).toBe(one)
      await second[Symbol.asyncDispose]()
      expect(held().data).toBe(buffers)
    })

    it('is left alone by a scope that the program has open', async () => {
      const executable = await compile(model())
      tf.engine().startScope()
      const output = (await executable.run({ ids: ids(1) }))['probabilities']!
      tf.engine().endScope()
      expect((await numbersOf(output)).reduce((sum, each) => sum + each, 0)).toBeCloseTo(1, 5)
    })

    it('of an output that was disposed of is not read', async () => {
      const output = await run(doubling(), { x: floats(1) })
      output[Symbol.dispose]()
      output[Symbol.dispose]()
      await expect(output.data()).rejects.toMatchObject({ code: 'TENON_DISPOSED' })
    })
  })

  describe('integers of 64 bits', () => {
    const large = 2n ** 62n + 1n

    it.each([
      ['added', Add, [large, 3n], [2n, -5n], [large + 2n, -2n]],
      ['subtracted', Sub, [large, 3n], [2n, -5n], [large - 2n, 8n]],
      ['multiplied', Mul, [2n ** 40n + 1n, -3n], [2n ** 20n, 5n], [2n ** 60n + 2n ** 20n, -15n]],
      ['divided, towards zero', Div, [large, -7n], [3n, 2n], [large / 3n, -3n]],
      ['added beyond their range, as ONNX Runtime wraps them', Add, [2n ** 63n - 1n, 0n], [1n, 0n], [-(2n ** 63n), 0n]],
    ] as const)('are exact when they are %s', async (_, op, a, b, expected) => {
      const graph = graphOf({ a: ['int64', ['n']], b: ['int64', ['n']] }, (x, y) => (op as typeof Add)(x!, y!))
      const output = await run(graph, { a: int64s(...a), b: int64s(...b) })
      expect(output.dtype).toBe('int64')
      expect(Array.from((await output.data()) as BigInt64Array)).toEqual(expected)
    })

    it('that point outside a table are refused, by node and value', async () => {
      const graph = graphOf({ x: ['float32', ['n']], i: ['int64', ['k']] }, (x, i) => Gather(x!, i!))
      await expect(run(graph, { x: floats(1, 2), i: int64s(0n, 5_000_000_000n) })).rejects.toThrow(/^Gather, which makes 'y', gets the index 5000000000, beyond the 32 bits that TensorFlow\.js has/)
      await expect(run(graph, { x: floats(1, 2), i: int64s(-3n) })).rejects.toThrow(/gets the index -3, and points into 2 elements\. Feed indices from -2 to 1/)
      expect(await numbersOf(await run(graph, { x: floats(1, 2), i: int64s(-1n) }))).toEqual([2])
    })

    it('are not divided by zero', async () => {
      const graph = graphOf({ a: ['int64', ['n']], b: ['int64', ['n']] }, (a, b) => Div(a!, b!))
      await expect(run(graph, { a: int64s(1n), b: int64s(0n) })).rejects.toMatchObject({ code: 'TENON_INVALID_INPUT', message: expect.stringContaining('divides an integer by 0') })
    })
  })

  describe('types', () => {
    it('of 16 bits are widened, and rounded where they go out', async () => {
      const graph = graphOf({ x: ['float16', ['n']] }, (x) => Mul(x!, x!))
      const output = await run(graph, { x: tensor('float16', [3], Uint16Array.of(0x3e00, 0x4200, 0x7bff)) }) // 1.5, 3, 65504
      expect(output.dtype).toBe('float16')
      expect(Array.from((await output.data()) as Uint16Array)).toEqual([0x4080, 0x4880, 0x7c00]) // 2.25, 9, infinity
    })

    it('of double floats are computed in JavaScript', async () => {
      const graph = graphOf({ x: ['float64', ['n']] }, (x) => Mul(x!, x!))
      expect(await numbersOf(await run(graph, { x: tensor('float64', [1], Float64Array.of(1 + 2 ** -40)) }))).toEqual([(1 + 2 ** -40) ** 2])
    })

    it('of int32 wrap as in ONNX Runtime', async () => {
      const graph = graphOf({ x: ['int32', ['n']] }, (x) => Mul(x!, x!))
      expect(await numbersOf(await run(graph, { x: tensor('int32', [1], Int32Array.of(65537)) }))).toEqual([131073])
    })
  })

  describe('feeds', () => {
    it.each([
      ['lacking', {}, "The input 'x' got no feed"],
      ['unknown', { x: floats(1), xs: floats(1) }, "The feed 'xs' is no input of the graph. Did you mean 'x'?"],
      ['of another type', { x: int64s(1n) }, "The feed 'x' is int64, and the input is float32"],
      ['of another rank', { x: tensor('float32', [1, 1], Float32Array.of(1)) }, "The feed 'x' has the shape [1, 1]"],
    ])('%s are refused', async (_, feeds, message) => {
      await expect(run(doubling(), feeds as unknown as Record<string, Tensor>)).rejects.toMatchObject({ code: 'TENON_INVALID_INPUT', message: expect.stringContaining(message) })
    })

    it('whose array is too short are refused', async () => {
      await expect(run(doubling(), { x: { ...floats(1), shape: [4] } })).rejects.toMatchObject({ code: 'TENON_INVALID_INPUT' })
    })

    it('may be what another run made, without a copy', async () => {
      const executable = await compile(doubling())
      const first = (await executable.run({ x: floats(1, 2) }))['y']!
      expect(isHostTensor(first)).toBe(false)
      const buffers = held().data
      const second = (await executable.run({ x: first }))['y']!
      expect(held().data - buffers).toBe(1) // the output's own
      expect(await numbersOf(second)).toEqual([4, 8])
      expect(await numbersOf(first)).toEqual([2, 4])
    })

    it('are not changed by what becomes of the output', async () => {
      const x = floats(1, 2)
      const output = await run(graphOf({ x: ['float32', [2]] }, (value) => Reshape(value!, value!.builder.constant(inlineConstant('int64', [2], BigInt64Array.of(1n, 2n))))), { x })
      ;((await output.data()) as Float32Array).fill(9)
      x.values.fill(7)
      expect(Array.from((await output.data()) as Float32Array)).toEqual([1, 2])
    })

    it('that were disposed of are refused', async () => {
      const executable = await compile(doubling())
      const output = (await executable.run({ x: floats(1) }))['y']!
      output[Symbol.dispose]()
      await expect(executable.run({ x: output })).rejects.toMatchObject({ code: 'TENON_DISPOSED' })
    })
  })

  describe('updates', () => {
    /** w ← w + x · s, and the sum of both before. */
    function training(): Graph {
      const builder = new GraphBuilder('training')
      const [w, x, s] = [builder.input('w', 'float32', [2]), builder.input('x', 'float32', [2]), builder.input('s', 'float32', [])]
      const moved = Add(w, Mul(x, s))
      builder.output('moved', Mul(moved, s))
      builder.output('w.next', moved, w)
      return builder.build()
    }
    const s = tensor('float32', [], Float32Array.of(2))

    it('go into what was placed, step by step, without growing', async () => {
      const executable = await compile(training())
      expect(executable.outputs.map(({ name }) => name)).toEqual(['moved'])
      using w = await executable.place(floats(1, 2))
      const before = held()
      for (let step = 1; step <= 3; step++) {
        const outputs = await executable.run({ w, x: floats(10, 20), s })
        expect(Object.keys(outputs)).toEqual(['moved'])
        expect(await numbersOf(outputs['moved']!)).toEqual([2 * (1 + step * 20), 2 * (2 + step * 40)])
      }
      expect(Array.from((await w.data()) as Float32Array)).toEqual([61, 122])
      expect(held()).toEqual(before)
    })

    it('go into the array of a host tensor', async () => {
      const executable = await compile(training())
      const w = floats(1, 2)
      for (const output of Object.values(await executable.run({ w, x: floats(10, 20), s }))) output[Symbol.dispose]()
      expect(Array.from(w.values)).toEqual([21, 42])
    })

    it('of overlapping runs all count', async () => {
      const executable = await compile(training())
      using w = await executable.place(floats(0, 0))
      const runs = await Promise.all(Array.from({ length: 5 }, () => executable.run({ w, x: floats(1, 1), s })))
      for (const outputs of runs) outputs['moved']![Symbol.dispose]()
      expect(Array.from((await w.data()) as Float32Array)).toEqual([10, 10])
    })

    it('leave the old value when the run is aborted', async () => {
      const executable = await compile(training())
      using w = await executable.place(floats(1, 2))
      const aborter = new AbortController()
      const runs = [executable.run({ w, x: floats(1, 1), s }), executable.run({ w, x: floats(1, 1), s }, { signal: aborter.signal })]
      aborter.abort()
      const [first, second] = await Promise.allSettled(runs)
      expect(second).toMatchObject({ status: 'rejected', reason: { name: 'AbortError' } })
      if (first?.status === 'fulfilled') first.value['moved']![Symbol.dispose]()
      expect(Array.from((await w.data()) as Float32Array)).toEqual([3, 4])
    })

    it('are refused where the feed is another input too, or not ours', async () => {
      const executable = await compile(training())
      using w = await executable.place(floats(1, 2))
      await expect(executable.run({ w, x: w, s })).rejects.toThrow("The feed 'w' is updated by the run, and is fed as 'x' too")
      const foreign: Tensor = { dtype: 'float32', shape: [2], data: async () => Float32Array.of(1, 2), [Symbol.dispose]() {} }
      await expect(executable.run({ w: foreign, x: floats(1, 1), s })).rejects.toThrow("The feed 'w' is updated by the run, and lives on another device")
    })

    it('of integers of 64 bits, which stay in JavaScript, go there', async () => {
      const builder = new GraphBuilder('counting')
      const step = builder.input('step', 'int64', [])
      builder.output('next', Add(step, builder.constant(inlineConstant('int64', [], BigInt64Array.of(1n)))), step)
      const executable = await compile(builder.build())
      const step0 = await executable.place(tensor('int64', [], BigInt64Array.of(2n ** 60n)))
      await executable.run({ step: step0 })
      expect(Array.from((await step0.data()) as BigInt64Array)).toEqual([2n ** 60n + 1n])
    })
  })

  describe('runs', () => {
    it('give way to other work', async () => {
      const { graph, feeds } = device === 'cpu' ? longWork(40, 128) : longWork(300)
      const executable = await compile(graph)
      let ticks = 0
      const timer = setInterval(() => ticks++, 1)
      const start = performance.now()
      const output = (await executable.run(feeds))['y']!
      const took = performance.now() - start
      clearInterval(timer)
      output[Symbol.dispose]()
      expect(took).toBeGreaterThan(20)
      expect(ticks).toBeGreaterThan(1)
    })

    it('end soon when they are aborted, and leave the line when they wait in it', async () => {
      const { graph, feeds } = longWork(2000)
      const executable = await compile(graph)
      const aborter = new AbortController()
      const [running, waiting] = [executable.run(feeds, { signal: aborter.signal }), executable.run(feeds, { signal: AbortSignal.timeout(10) })]
      await expect(waiting).rejects.toMatchObject({ name: 'AbortError' })
      const start = performance.now()
      aborter.abort(new Error('enough'))
      await expect(running).rejects.toMatchObject({ code: 'TENON_ABORTED', cause: new Error('enough') })
      expect(performance.now() - start).toBeLessThan(2000)
      expect(await numbersOf(await run(doubling(), { x: floats(1) }))).toEqual([2])
    })

    it('overlap, and each gets its own', async () => {
      const executable = await compile(doubling())
      const outputs = await Promise.all(Array.from({ length: 8 }, (_, index) => executable.run({ x: floats(index) })))
      expect(await Promise.all(outputs.map(({ y }) => numbersOf(y!)))).toEqual(Array.from({ length: 8 }, (_, index) => [2 * index]))
    })

    it('are refused after the disposal, which waits for those under way', async () => {
      const executable = await backend.compile(doubling(), {}, ignore)
      const under = executable.run({ x: floats(1) })
      await executable[Symbol.asyncDispose]()
      await executable[Symbol.asyncDispose]()
      expect(await numbersOf((await under)['y']!)).toEqual([2])
      await expect(executable.run({ x: floats(1) })).rejects.toMatchObject({ code: 'TENON_DISPOSED' })
      await expect(executable.place(floats(1))).rejects.toMatchObject({ code: 'TENON_DISPOSED' })
    })
  })

  it('computes once what depends on weights alone', async () => {
    const builder = new GraphBuilder('weights')
    const x = builder.input('x', 'float32', ['n', 64])
    const weight = builder.constant(inlineConstant('int8', [64, 64], Int8Array.from({ length: 64 * 64 }, (_, index) => (index % 200) - 100)), 'weight')
    builder.output('y', MatMul(x, Mul(Cast(weight, { to: 'float32' }), builder.constant(inlineConstant('float32', [], Float32Array.of(0.5))))))
    const before = held().data
    const executable = await compile(builder.build())
    expect(held().data - before).toBe(1) // the product of both, and no longer what it was made of
    const buffers = held().data
    const output = (await executable.run({ x: tensor('float32', [1, 64], new Float32Array(64).fill(1)) }))['y']!
    expect(held().data - buffers).toBe(1)
    expect((await numbersOf(output))[0]).toBe(Array.from({ length: 64 }, (_, row) => (((row * 64) % 200) - 100) / 2).reduce((sum, each) => sum + each))
  })

  it('makes nothing of empty tensors', async () => {
    const graph = graphOf({ x: ['float32', ['n', 3]] }, (x) => MatMul(x!, ConstantOfShape(x!.builder.constant(inlineConstant('int64', [2], BigInt64Array.of(3n, 2n))))))
    const output = await run(graph, { x: tensor('float32', [0, 3], new Float32Array()) })
    expect(output.shape).toEqual([0, 2])
    expect(await numbersOf(output)).toEqual([])
  })
})

describe('several devices in one process', () => {
  it('take what runs on another made, by way of JavaScript', async () => {
    const backend = tfjs({ devices: ['wasm', 'cpu'], load })
    await using onWasm = await backend.compile(doubling(), {}, ignore)
    await using onCpu = await backend.compile(doubling(), { device: 'cpu' }, ignore)
    using first = (await onWasm.run({ x: floats(1, 2) }))['y']!
    expect(await numbersOf((await onCpu.run({ x: first }))['y']!)).toEqual([4, 8])
    await backend.dispose?.()
    await expect(onCpu.run({ x: floats(1) })).rejects.toMatchObject({ code: 'TENON_DISPOSED' })
  })

  it('serve a second plugin while the first goes', async () => {
    const [first, second] = [tfjs({ devices: ['wasm'], load }), tfjs({ devices: ['wasm'], load })]
    const [one, two] = [await first.compile(model(), {}, ignore), await second.compile(model(), {}, ignore)]
    await Promise.all([one.run({ ids: ids(1) }), two.run({ ids: ids(1) })].map(async (running) => (await running)['probabilities']![Symbol.dispose]()))
    await first.dispose?.()
    expect((await numbersOf((await two.run({ ids: ids(1) }))['probabilities']!)).length).toBe(64)
    await second.dispose?.()
  })
})

describe('compiling', () => {
  const backend = tfjs({ devices: ['cpu'], load })

  it('tells how much memory the weights take, and when they are gone', async () => {
    const events: TenonEvent[] = []
    const executable = await backend.compile(model(), {}, { emit: (event) => events.push(event) })
    await executable[Symbol.asyncDispose]()
    expect(events).toEqual([
      { type: 'memory', name: "weights of 'model'", bytes: 4 * (256 * 64 + 64 * 64 + 64) },
      { type: 'memory', name: "weights of 'model'", bytes: 0 },
    ])
  })

  it('stops when it is aborted', async () => {
    await expect(backend.compile(model(), {}, { ...ignore, signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
  })

  it('refuses an operator that nothing here runs, by name', async () => {
    const x = { name: 'x', dtype: 'float32' as const, shape: [2, 3, 4, 5, 6] }
    const graph: Graph = { name: 'volume', inputs: [x, { name: 'w', dtype: 'float32', shape: [3, 3, 1, 1, 1] }], outputs: [{ ...x, name: 'y' }], nodes: [{ op: 'Conv', inputs: ['x', 'w'], outputs: ['y'], attributes: {} }], constants: new Map() }
    await expect(backend.compile(graph, {}, ignore)).rejects.toMatchObject({ code: 'TENON_UNSUPPORTED_OP', op: 'Conv', message: expect.stringContaining("The backend 'tfjs' cannot run Conv (the node that makes 'y')") })
  })

  it('refuses a device that is none, and an option that it does not know', async () => {
    await expect(backend.compile(model(), { device: 'cuda' as 'gpu' }, ignore)).rejects.toMatchObject({ code: 'TENON_INVALID_OPTION', option: 'device' })
    await expect(backend.compile(model(), { prepack: true } as object, ignore)).rejects.toMatchObject({ code: 'TENON_INVALID_OPTION', option: 'prepack' })
  })

  it('frees what it uploaded when it fails', async () => {
    const before = tf.memory().numTensors
    const graph = model()
    const broken = { ...graph, constants: new Map([...graph.constants].map(([name, constant]) => [name, name === 'bias' ? { ...constant, inline: undefined, bytes: async () => Promise.reject(new Error('gone')) } : constant])) } as unknown as Graph
    await expect(backend.compile(broken, {}, ignore)).rejects.toThrow('gone')
    expect(tf.memory().numTensors).toBe(before)
  })
})

const options: Record<string, unknown> = { devices: ['cuda'], load: 'tensorflow', gpu: true }
it.each([
  ['devices', "The option 'devices' of tfjs() names 'cuda'. Choose among: gpu, native, wasm, cpu."],
  ['load', "The option 'load' of tfjs() is no function"],
  ['gpu', "The option 'gpu' of tfjs() is unknown"],
])("refuses the option '%s' where it is wrong", (option, message) => {
  expect(() => tfjs({ [option]: options[option] } as object)).toThrow(message)
})

