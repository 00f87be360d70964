import { inlineConstant, InvalidGraphError, InvalidInputError, InvalidOptionError, NoGradientError, ShapeMismatchError, tensor, type Graph, type NumericType } from '@tenon/core'
import { checkUpdates, GraphBuilder, integers, rewrite, scalar, verify, type OpDefinition, type Value } from '@tenon/graph'
import { encodeOnnx, readOnnx } from '@tenon/graph/onnx'
import { Add, DequantizeLinear, DynamicQuantizeLinear, Gather, Gemm, Mul, QuantizeLinear, ReduceMean, ReduceSum, Reshape, Shape, Sub, Tanh, Cast } from '@tenon/graph/ops'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InferenceSession } from 'onnxruntime-node'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { adamW } from './adamw.js'
import { meanSquaredError } from './mean-squared-error.js'
import type { Optimizer } from './optimizer.js'
import { classification, compile, cleanUp, floats, graphOf, hostTensors, noise, runtime } from './test-support.js'
import { trainingStep, type TrainingStepOptions } from './training-step.js'

afterAll(cleanUp)

/** Goes down the gradient, and may wait for all of them or not. */
const descent = ({ waits = true } = {}): Optimizer => ({
  emit({ parameters, learningRate, factor, update }) {
    for (const { value, gradient } of parameters) update(value, Sub(value, Mul(gradient, waits ? Mul(learningRate, factor) : learningRate)))
  },
})

const weight = (builder: GraphBuilder, name: string, shape: readonly number[]): Value => {
  const { values } = noise(shape, name.length)
  return builder.constant(inlineConstant('float32', shape, values), name)
}

/** Two layers, a tail that the loss below does not need, and a literal. */
function layers(): Graph {
  const builder = new GraphBuilder('layers')
  const x = builder.input('x', 'float32', ['batch', 3])
  const hidden = Tanh(Gemm(x, weight(builder, 'first.weight', [4, 3]), weight(builder, 'first.bias', [4]), { transB: 1 }))
  const y = Gemm(hidden, weight(builder, 'second.weight', [2, 4]), weight(builder, 'second.bias', [2]), { transB: 1 })
  builder.output('y', Mul(y, builder.constant(inlineConstant('float32', [2], Float32Array.of(1, 2)))))
  builder.output('tail', Mul(y, weight(builder, 'tail.weight', [2])))
  return builder.build()
}

const error: TrainingStepOptions['loss'] = (output, builder) => meanSquaredError(output('y'), builder.input('targets', 'float32', ['batch', 2]))

const stepOf = (options: Partial<TrainingStepOptions> = {}, graph = layers()) => trainingStep(graph, { loss: error, optimizer: adamW(), ...options })

/** The graph of one parameter in another type, or shape, that is read somehow. */
function odd<D extends NumericType>(dtype: D, values: Parameters<typeof inlineConstant<D>>[2], read: (w: Value, x: Value) => Value): Graph {
  const builder = new GraphBuilder('odd')
  const x = builder.input('x', 'float32', ['batch', 2])
  const w = builder.constant(inlineConstant(dtype, [2], values), 'w')
  builder.output('y', read(w, Mul(x, weight(builder, 'scale', [2]))))
  return builder.build()
}

const sum: TrainingStepOptions['loss'] = (output) => ReduceSum(output('y'), undefined, { keepdims: 0 })

describe('a training step', () => {
  it("takes the model's inputs, the loss's, the learning rate, and parameters and state, which it updates", () => {
    const { graph, parameters, state } = stepOf()
    expect([...parameters.keys()]).toEqual(['first.weight', 'first.bias', 'second.weight', 'second.bias'])
    expect([...state.keys()].toSorted()).toEqual(['correction1', 'correction2', ...[...parameters.keys()].flatMap((name) => [`first_moment.${name}`, `second_moment.${name}`])].toSorted())
    expect(graph.inputs.map(({ name }) => name).toSorted()).toEqual(['x', 'targets', 'learning_rate', ...parameters.keys(), ...state.keys()].toSorted())
    expect([...graph.updates!.values()].toSorted()).toEqual([...parameters.keys(), ...state.keys()].toSorted())
    expect(graph.outputs.filter(({ name }) => !graph.updates!.has(name))).toEqual([{ name: 'loss', dtype: 'float32', shape: [] }, { name: 'gradient_norm', dtype: 'float32', shape: [] }])
    expect(verify(graph)).toBe(graph)
  })

  it('starts from the weights of the model, and from a state of zeros', async () => {
    const model = layers()
    const { parameters, state } = stepOf({}, model)
    for (const [name, constant] of parameters) expect(constant).toBe(model.constants.get(name))
    for (const constant of state.values()) expect((await floats(constant)).every((value) => value === 0)).toBe(true)
    expect(state.get('first_moment.first.weight')!.shape).toEqual([4, 3])
  })

  it('leaves out what the loss does not depend on, and literals', () => {
    const { graph } = stepOf()
    expect(layers().constants.has('tail.weight')).toBe(true)
    expect(graph.constants.has('tail.weight')).toBe(false)
    expect([...graph.constants.values()].some(({ shape }) => shape.join() === '2')).toBe(true)
  })

  it("has a loss that may be made of the model's inputs, such as a mask, too", () => {
    const { graph, parameters } = stepOf({ loss: (output) => ReduceSum(Mul(output('y'), ReduceSum(output('x'), integers(output('x'), [1]))), undefined, { keepdims: 0 }) })
    expect([...parameters.keys()]).toContain('first.weight')
    expect(graph.inputs.filter(({ name }) => name === 'x')).toHaveLength(1)
  })

  it('leaves out what only shapes are read of', () => {
    const model = odd('float32', Float32Array.of(1, 2), (w, x) => Mul(x, Reshape(Cast(Shape(w), { to: 'float32' }), integers(x, [1]))))
    expect([...stepOf({ loss: sum }, model).parameters.keys()]).toEqual(['scale'])
  })

  it('trains what it is told by name or by a function, and keeps the rest as it is', () => {
    expect([...stepOf({ trainable: 'second.weight' }).parameters.keys()]).toEqual(['second.weight'])
    for (const trainable of [['second.weight', 'second.bias'], (name: string) => name.startsWith('second.')]) {
      const { graph, parameters } = stepOf({ trainable })
      expect([...parameters.keys()]).toEqual(['second.weight', 'second.bias'])
      expect(graph.constants.has('first.weight')).toBe(true)
      // Nothing goes back through the first layer.
      expect(graph.nodes.filter(({ inputs }) => inputs.includes('first.weight'))).toHaveLength(1)
    }
  })
})

describe('the order of updates', () => {
  it('waits for all gradients and the loss: without that, the step is refused', () => {
    expect(() => stepOf({ optimizer: descent() })).not.toThrow()
    expect(() => stepOf({ optimizer: descent({ waits: false }) })).toThrow(InvalidGraphError)
    expect(() => stepOf({ optimizer: descent({ waits: false }) })).toThrow(/may read 'second.weight' after 'second.weight.next' was written over it/)
  })

  it.each([undefined, 1])('is lost with what holds the updates back, and verify tells (clipped to %s)', async (maxGradientNorm) => {
    const { graph } = trainingStep(await graphOf('bert', 'sequence-classification'), { loss: classification, optimizer: adamW(), ...(maxGradientNorm !== undefined && { maxGradientNorm }) })
    const barriers = graph.nodes.filter(({ op, inputs }) => op === 'Where' && graph.nodes.some((node) => node.outputs[0] === inputs[0] && node.op.startsWith('Greater')))
    const without = (names: readonly string[]) => rewrite(graph, ({ node, inputs }) => (names.includes(node.outputs[0]!) ? scalar(inputs[2]!, 1) : undefined))
    expect(verify(without([]))).toBe(graph)
    expect(() => verify(without(barriers.map(({ outputs }) => outputs[0]!)))).toThrow(InvalidGraphError)
  })

  it('holds for a loss that no gradient needs the value of', () => {
    // The weights' length is a part of the loss that is not on the way of any gradient.
    const decayed: TrainingStepOptions['loss'] = (output, builder) => {
      const length = ReduceSum(Mul(weight(builder, 'other', [3]), weight(builder, 'another', [3])), undefined, { keepdims: 0 })
      return Add(error(output, builder), length)
    }
    expect([...stepOf({ loss: decayed, optimizer: descent() }).parameters.keys()]).toContain('other')
  })

  it.each([undefined, 1])("survives ONNX Runtime's optimisers (clipped to %s)", async (maxGradientNorm) => {
    const { graph } = trainingStep(await graphOf('bert', 'sequence-classification'), { loss: classification, optimizer: adamW(), ...(maxGradientNorm !== undefined && { maxGradientNorm }) })
    const folder = await mkdtemp(join(tmpdir(), 'tenon-train-'))
    onTestFinished(() => rm(folder, { recursive: true, force: true }))
    const path = join(folder, 'optimised.onnx')
    const session = await InferenceSession.create(encodeOnnx(graph), { graphOptimizationLevel: 'all', optimizedModelFilePath: path, logSeverityLevel: 3 })
    await session.release()
    const optimised = await readOnnx(path)
    expect(optimised.nodes.filter(({ op }) => op === 'com.microsoft::FusedMatMul').length).toBeGreaterThan(0)
    expect(() => checkUpdates({ ...optimised, inputs: graph.inputs, outputs: graph.outputs, updates: graph.updates! })).not.toThrow()
  })
})

describe('gradients that are no numbers', () => {
  /** Two parameters that have nothing to do with one another: their gradients are what `a` and `b` are fed with. */
  function apartGraph(): Graph {
    const builder = new GraphBuilder('apart')
    const term = (name: string) => Mul(builder.input(name, 'float32', [2]), weight(builder, `weight.${name}`, [2]))
    builder.output('y', Add(term('a'), term('b')))
    return builder.build()
  }

  const one = async (a: readonly number[], maxGradientNorm?: number) => {
    const step = trainingStep(apartGraph(), { loss: sum, optimizer: descent(), ...(maxGradientNorm !== undefined && { maxGradientNorm }) })
    const executable = await compile(runtime, step.graph)
    const weights = await hostTensors(step.parameters)
    const feed = (values: readonly number[]) => tensor('float32', [2], Float32Array.from(values))
    const { gradient_norm: norm } = await executable.run({ ...weights, a: feed(a), b: feed([3, 4]), learning_rate: tensor('float32', [], Float32Array.of(0.5)) })
    return { a: [...(weights['weight.a']!.values as Float32Array)], b: [...(weights['weight.b']!.values as Float32Array)], norm: Number((await norm!.data())[0]) }
  }

  it('are seen in the norm, and move no other parameter off its way', async () => {
    const usual = await one([1, 2])
    expect(usual.norm).toBeCloseTo(Math.sqrt(30), 5)
    for (const [bad, norm] of [[NaN, NaN], [Infinity, Infinity]] as const) {
      const hurt = await one([bad, 2])
      expect(hurt.norm).toBe(norm)
      expect(Number.isFinite(hurt.a[0])).toBe(false)
      expect(hurt.a[1]).toBe(usual.a[1])
      expect(hurt.b).toEqual(usual.b)
    }
  })

  it('make every clipped gradient one, as in PyTorch', async () => {
    const clipped = await one([1, 2], 1)
    expect((await one([1, 2], 100)).b).toEqual((await one([1, 2])).b)
    const before = noise([2], 'weight.b'.length).values
    expect(clipped.b[1]! - before[1]!).toBeCloseTo(-0.5 * 4 / Math.sqrt(30), 5)
    expect((await one([NaN, 2], 1)).b).toEqual([NaN, NaN])
  })
})

describe('what cannot be trained', () => {
  const refusal = (work: () => unknown) => {
    try {
      work()
    } catch (caught) {
      return caught as Error & { code: string; remedy: string }
    }
    return undefined
  }

  it('is nothing at all', () => {
    const nothing = refusal(() => stepOf({ trainable: () => false }))
    expect(nothing).toBeInstanceOf(InvalidOptionError)
    expect(nothing!.message).toContain('leaves nothing to train')
    expect(nothing!.remedy).toContain("Choose among 4 parameters, such as 'first.weight'")
    expect(refusal(() => stepOf({ trainable: [] }))).toBeInstanceOf(InvalidOptionError)
  })

  it('is a graph of literals', () => {
    const builder = new GraphBuilder('plain')
    const x = builder.input('x', 'float32', ['batch', 2])
    builder.output('y', Mul(x, scalar(x, 2)))
    expect(refusal(() => stepOf({ loss: sum }, builder.build()))?.remedy).toContain('give the constants that are to be trained names')
  })

  it('is a name that is no parameter, and the one that may be meant is told', () => {
    const unknown = refusal(() => stepOf({ trainable: ['second.weights'] }))
    expect(unknown).toBeInstanceOf(InvalidOptionError)
    expect(unknown!.remedy).toContain("Did you mean 'second.weight'?")
  })

  it('is a parameter that the loss does not depend on, where it is named', () => {
    expect(refusal(() => stepOf({ trainable: ['second.weight', 'tail.weight'] }))?.message).toContain("names 'tail.weight', which the loss does not depend on")
  })

  it('is a parameter of integers, or of 16 bits', () => {
    const integersOf = odd('int64', BigInt64Array.of(1n, 0n), (w, x) => Gather(x, w, { axis: 1 }))
    const named = refusal(() => stepOf({ loss: sum, trainable: ['w'] }, integersOf))
    expect(named).toBeInstanceOf(InvalidOptionError)
    expect(named!.message).toContain("'w', which is int64")
    expect([...stepOf({ loss: sum, trainable: () => true }, integersOf).parameters.keys()]).toEqual(['scale'])
    const half = odd('float16', Uint16Array.of(0, 0), (w, x) => Mul(x, Cast(w, { to: 'float32' })))
    expect(refusal(() => stepOf({ loss: sum }, half))).toMatchObject({ code: 'TENON_INVALID_OPTION', remedy: expect.stringContaining('Widen') })
  })

  it('is what comes before a quantised layer', () => {
    const scale = (x: Value) => scalar(x, 0.1)
    const quantised = odd('float32', Float32Array.of(1, 2), (w, x) => Mul(DequantizeLinear(QuantizeLinear(x, scale(x)), scale(x)), w))
    const refused = refusal(() => stepOf({ loss: sum }, quantised))
    expect(refused).toMatchObject({ code: 'TENON_INVALID_OPTION', remedy: expect.stringContaining('before its quantisation') })
    expect(refused!.message).toContain("'scale', which reaches the loss only after it was rounded")
    expect([...stepOf({ loss: sum, trainable: ['w'] }, quantised).parameters.keys()]).toEqual(['w'])
    const dynamic = odd('float32', Float32Array.of(1, 2), (w, x) => {
      const [values, by, zero] = x.builder.emit(DynamicQuantizeLinear as unknown as OpDefinition, [x], {}, 3)
      return Mul(DequantizeLinear(values!, by!, zero!), w)
    })
    expect(refusal(() => stepOf({ loss: sum }, dynamic))).toBeInstanceOf(NoGradientError)
    expect([...stepOf({ loss: sum, trainable: ['w'] }, dynamic).parameters.keys()]).toEqual(['w'])
  })

  it('is a loss of several numbers, of integers, or made of what is no output', () => {
    expect(refusal(() => stepOf({ loss: (output) => output('y') }))).toBeInstanceOf(InvalidInputError)
    expect(refusal(() => stepOf({ loss: (output) => Cast(ReduceMean(output('y'), undefined, { keepdims: 0 }), { to: 'int64' }) }))).toBeInstanceOf(InvalidInputError)
    const unknown = refusal(() => stepOf({ loss: (output) => output('z') }))
    expect(unknown).toBeInstanceOf(InvalidInputError)
    expect(unknown!.remedy).toContain('Outputs are: y, tail')
    expect(refusal(() => stepOf({ loss: (() => undefined) as never }))).toBeInstanceOf(InvalidInputError)
    expect(refusal(() => stepOf({ loss: (async () => scalar) as never }))).toBeInstanceOf(InvalidInputError)
  })

  it('is a loss that belongs to another graph', () => {
    expect(refusal(() => stepOf({ loss: () => new GraphBuilder('other').input('loss', 'float32', []) }))).toBeInstanceOf(InvalidGraphError)
  })

  it('is told from options that mean nothing', () => {
    expect(refusal(() => stepOf({ maxGradientNorm: 0 }))).toBeInstanceOf(InvalidOptionError)
    expect(refusal(() => stepOf({ maxNorm: 1 } as object))).toBeInstanceOf(InvalidOptionError)
    expect(refusal(() => stepOf({ loss: 'mse' as never }))).toBeInstanceOf(InvalidOptionError)
    expect(refusal(() => stepOf({ optimizer: adamW as never }))).toBeInstanceOf(InvalidOptionError)
    expect(refusal(() => stepOf({ loss: (output, builder) => meanSquaredError(output('y'), builder.input('targets', 'float32', ['batch', 3])) }))).toBeInstanceOf(ShapeMismatchError)
  })
})
