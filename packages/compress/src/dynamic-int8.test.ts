import { fileURLToPath } from 'node:url'
import { bytesOf, inlineConstant, InvalidOptionError, lazyConstant, tensor, viewAs, type Constant, type Graph, type HostTensor } from '@tenon/core'
import { onnx } from '@tenon/backend-onnx'
import { openFolder } from '@tenon/checkpoint'
import { defineOp, GraphBuilder, integers, verify, type Value } from '@tenon/graph'
import { Add, Gather, Gelu, Gemm, Identity, LayerNormalization, MatMul, Mul, MultiHeadAttention, QuickGelu, Relu, Reshape, SkipLayerNormalization, Tanh } from '@tenon/graph/ops'
import { foldConstants } from '@tenon/graph/passes'
import { bert } from '@tenon/models/bert'
import { afterAll, describe, expect, it } from 'vitest'
import { dynamicInt8, quantizeDynamically, type DynamicInt8Options } from './index.js'
import { applied, cosine, counted, graphOf, normal, opsOf, outputOf, relativeError, row, run, weight } from './test-support.js'

const backend = onnx({ threads: 2 })
afterAll(() => backend.dispose?.())

const INTEGER = 'com.microsoft::MatMulIntegerToFloat'

/** A layer as PyTorch keeps it, [out, in], with a bias. */
const linear = (w: Constant, bias?: Constant) => (x: Value) => Gemm(x, x.builder.constant(w, 'w'), bias && x.builder.constant(bias, 'bias'), { transB: 1 })
const bias = (size: number) => weight([size], normal([size], 3))

/** ‖int8 − fp32‖ / ‖fp32‖ of a graph's output. */
async function errorOf(graph: Graph, shape: readonly number[], values: Float32Array, options: DynamicInt8Options = {}): Promise<number> {
  const smaller = applied(quantizeDynamically(options), graph)
  expect(smaller).not.toBe(graph)
  return relativeError(await outputOf(backend, smaller, shape, values), await outputOf(backend, graph, shape, values))
}

describe('a linear layer', () => {
  it.each<[string, (x: Value) => Value]>([
    ['Gemm over [out, in], with a bias', linear(weight([96, 128]), bias(96))],
    ['Gemm over [out, in], without', linear(weight([96, 128]))],
    ['Gemm over [in, out]', (x) => Gemm(x, x.builder.constant(weight([128, 96]), 'w'), x.builder.constant(bias(96), 'bias'))],
    ['MatMul', (x) => MatMul(x, x.builder.constant(weight([128, 96]), 'w'))],
  ])('is about as exact as eight bits can be: %s', async (_, layer) => {
    const graph = graphOf(['rows', 128], layer)
    const smaller = applied(quantizeDynamically(), graph)
    expect(opsOf(smaller)).toContain(INTEGER)
    expect(smaller.outputs).toEqual(graph.outputs)
    // Rounding to steps of 2.6 σ / 127 errs by 0.6 % of σ, in weights and in activations: 0.8 % together.
    expect(await errorOf(graph, [17, 128], normal([17, 128]))).toBeLessThan(0.01)
    // One range for all rows is wider than their own: 1 %.
    expect(await errorOf(graph, [17, 128], normal([17, 128]), { outlierGuard: false })).toBeLessThan(0.012)
  })

  it('keeps batches of rows, and a single row', async () => {
    const graph = graphOf(['batch', 'sequence', 128], (x) => MatMul(x, x.builder.constant(weight([128, 96]), 'w')))
    expect(await errorOf(graph, [3, 5, 128], normal([3, 5, 128]))).toBeLessThan(0.01)
    expect(await errorOf(graph, [1, 1, 128], normal([1, 1, 128]))).toBeLessThan(0.015)
    const vector = graphOf([128], (x) => MatMul(x, x.builder.constant(weight([128, 96]), 'w')))
    expect(await errorOf(vector, [128], normal([128]))).toBeLessThan(0.015)
  })

  it.each([[[]], [[1]], [[96]], [[1, 96]], [[4, 1]], [[4, 96]]])('adds a bias of any shape that broadcasts: %j', async (shape) => {
    const graph = graphOf([4, 128], linear(weight([96, 128]), weight(shape, normal(shape, 5).map((value) => value * 20))))
    for (const outlierGuard of [true, false]) expect(await errorOf(graph, [4, 128], normal([4, 128]), { outlierGuard })).toBeLessThan(0.01)
  })

  it('becomes a quarter of its size', () => {
    const size = (graph: Graph) => [...graph.constants.values()].reduce((sum, { byteLength }) => sum + byteLength, 0)
    const graph = graphOf(['rows', 512], linear(weight([512, 512])))
    expect(size(applied(quantizeDynamically(), graph)) / size(graph)).toBeLessThan(0.26)
  })

  it('runs the same after constants are folded', async () => {
    const smaller = applied(quantizeDynamically(), graphOf(['rows', 128], linear(weight([96, 128]))))
    const x = normal([9, 128])
    expect(await outputOf(backend, applied(foldConstants(), smaller), [9, 128], x)).toEqual(await outputOf(backend, smaller, [9, 128], x))
  })
})

describe('zeros', () => {
  const run = async (w: Float32Array, x: Float32Array, options?: DynamicInt8Options) => outputOf(backend, applied(quantizeDynamically(options), graphOf(['rows', 64], linear(weight([64, 64], w)))), [x.length / 64, 64], x)

  it.each([{ outlierGuard: true }, { outlierGuard: false }])('stay zeros: a row of them gives a row of them (%o)', async (options) => {
    const x = normal([3, 64])
    x.fill(0, 64, 128)
    const y = await run(normal([64, 64], 7), x, options)
    expect(row(y, 1, 64).every((value) => value === 0)).toBe(true)
    expect(y.every(Number.isFinite)).toBe(true)
    expect((await run(normal([64, 64], 7), new Float32Array(128), options)).every((value) => value === 0)).toBe(true)
  })

  it('of a channel give zeros, beside channels that keep their error', async () => {
    const w = normal([64, 64], 7)
    w.fill(0, 0, 64)
    const y = await run(w, normal([5, 64]))
    for (let index = 0; index < 5; index++) expect(row(y, index, 64)[0]).toBe(0)
    expect(y.every(Number.isFinite)).toBe(true)
  })

  it('of all weights give zeros', async () => {
    expect((await run(new Float32Array(64 * 64), normal([5, 64]))).every((value) => value === 0)).toBe(true)
  })

  it('of a column, in a norm or in the weights that read it, do not divide by 0', async () => {
    const gamma = normal([64], 2)
    const w = normal([64, 64], 7)
    gamma[3] = 0
    for (let channel = 0; channel < 64; channel++) w[channel * 64 + 5] = 0
    const beta = new Float32Array(64)
    const graph = graphOf(['rows', 64], (x) => linear(weight([64, 64], w))(LayerNormalization(x, x.builder.constant(weight([64], gamma), 'gamma'), x.builder.constant(weight([64], beta), 'beta'))))
    expect(await errorOf(graph, [8, 64], normal([8, 64]))).toBeLessThan(0.015)
  })

  it('and rows near the smallest float32 do not overflow', async () => {
    const x = normal([2, 64])
    for (let column = 0; column < 64; column++) x[column]! *= 1e-42
    const y = await run(normal([64, 64], 7), x)
    expect(y.every(Number.isFinite)).toBe(true)
    expect(row(y, 0, 64).every((value) => Math.abs(value) < 1e-36)).toBe(true)
  })
})

describe('the outlier guard', () => {
  const graph = graphOf(['rows', 128], linear(weight([96, 128]), bias(96)))
  const x = normal([16, 128])
  for (let column = 0; column < 128; column++) x[5 * 128 + column]! *= 1000

  async function errorsOf(options: DynamicInt8Options): Promise<readonly number[]> {
    const [exact, smaller] = [await outputOf(backend, graph, [16, 128], x), await outputOf(backend, applied(quantizeDynamically(options), graph), [16, 128], x)]
    return Array.from({ length: 16 }, (_, index) => relativeError(row(smaller, index, 96), row(exact, index, 96)))
  }

  it('keeps every token within 2 % beside one that is a thousand times larger', async () => {
    for (const error of await errorsOf({})) expect(error).toBeLessThan(0.02)
  })

  it('is what keeps them: without it nothing is left of the others', async () => {
    const errors = await errorsOf({ outlierGuard: false })
    expect(errors[5]).toBeLessThan(0.02)
    expect(Math.min(...errors.toSpliced(5, 1))).toBeGreaterThan(0.5)
  })

  it.each<[string, (x: Value) => Value]>([
    ['Relu', (y) => Relu(y)],
    ['Gelu', (y) => Gelu(y)],
    ['QuickGelu', (y) => QuickGelu(y)],
    ['Tanh', (y) => Mul(Tanh(y), y)],
  ])('keeps them behind %s, too, which may be bounded below', async (_, activation) => {
    const activated = graphOf(['rows', 128], (y) => linear(weight([96, 128]))(activation(y)))
    const [exact, smaller] = [await outputOf(backend, activated, [16, 128], x), await outputOf(backend, applied(quantizeDynamically(), activated), [16, 128], x)]
    for (let index = 0; index < 16; index++) expect(relativeError(row(smaller, index, 96), row(exact, index, 96))).toBeLessThan(0.02)
  })

  it('keeps rows below zero, and rows of nothing, behind an activation', async () => {
    const activated = graphOf(['rows', 128], (y) => linear(weight([96, 128]))(Gelu(y)))
    const below = normal([4, 128]).map((value, index) => (index < 256 ? -Math.abs(value) : value))
    const [exact, smaller] = [await outputOf(backend, activated, [4, 128], below), await outputOf(backend, applied(quantizeDynamically(), activated), [4, 128], below)]
    for (let index = 0; index < 4; index++) expect(relativeError(row(smaller, index, 96), row(exact, index, 96))).toBeLessThan(0.03)
    const rectified = applied(quantizeDynamically(), graphOf(['rows', 128], (y) => linear(weight([96, 128]))(Relu(y))))
    expect((await outputOf(backend, rectified, [1, 128], new Float32Array(128).fill(-1))).every((value) => value === 0)).toBe(true)
  })

  it('makes a token independent of those beside it', async () => {
    const smaller = applied(quantizeDynamically(), graph)
    const together = await outputOf(backend, smaller, [16, 128], x)
    const alone = await outputOf(backend, smaller, [1, 128], x.slice(0, 128))
    expect(relativeError(alone, row(together, 0, 96))).toBeLessThan(0.02)
  })
})

describe('smoothing', () => {
  /** As trained norms have them: a few columns with a large scale, read by weights that are small there. */
  const outliers = [3, 17, 90]
  const gamma = normal([128], 11).map((value, column) => (outliers.includes(column) ? 40 : 1 + value / 10))
  const beta = normal([128], 12)
  const w = normal([96, 128], 13).map((value, index) => (outliers.includes(index % 128) ? value / 20 : value))

  const norm = (x: Value, scale: Constant = weight([128], gamma)) => LayerNormalization(x, x.builder.constant(scale, 'gamma'), x.builder.constant(weight([128], beta), 'beta'))
  const normed = (between: (x: Value) => Value = (x) => x) => graphOf(['rows', 128], (x) => linear(weight([96, 128], w))(between(norm(x))))
  const smoothings = (graph: Graph) => [...graph.constants.keys()].filter((name) => name.endsWith('_smoothing'))
  const x = normal([24, 128])

  it('makes rows with outlier columns more than twice as exact', async () => {
    const without = await errorOf(normed(), [24, 128], x, { smoothing: false })
    const within = await errorOf(normed(), [24, 128], x)
    expect(within).toBeLessThan(without / 2)
    expect(within).toBeLessThan(0.02)
  })

  it('changes nothing in exact arithmetic: what divides a column multiplies its weights', async () => {
    const graph = applied(quantizeDynamically(), normed())
    const [name] = smoothings(graph)
    const read = async (constant: string) => viewAs('float32', await graph.constants.get(constant)!.bytes())
    const factors = await read(name!)
    expect(new Set(factors).size).toBeGreaterThan(100)
    const stem = [...graph.constants.keys()].find((each) => each.endsWith('_int8'))!.replace(/_int8$/, '')
    const scales = await read(`${stem}_scale`)
    const bytes = viewAs('int8', await graph.constants.get(`${stem}_int8`)!.bytes()) // [in, out]
    for (let channel = 0; channel < 96; channel++) {
      for (let column = 0; column < 128; column++) {
        const smoothed = w[channel * 128 + column]! / factors[column]!
        expect(Math.abs(smoothed - bytes[column * 96 + channel]! * scales[channel]!)).toBeLessThanOrEqual((scales[channel]! / 2) * 1.001)
      }
    }
  })

  it('is found through reshapes, and after a norm with a skip', () => {
    expect(smoothings(applied(quantizeDynamically(), normed((y) => Identity(Reshape(y, integers(y, [-1, 128]))))))).toHaveLength(1)
    const skipped = graphOf(['rows', 128], (y) => {
      const [scale, shift] = [y.builder.constant(weight([128], gamma), 'gamma'), y.builder.constant(weight([128], beta), 'beta')]
      return linear(weight([96, 128], w))(SkipLayerNormalization(y, y, scale, shift))
    })
    expect(smoothings(applied(quantizeDynamically(), skipped))).toHaveLength(1)
  })

  it.each<[string, Graph]>([
    ['rows that come from no norm', graphOf(['rows', 128], (y) => linear(weight([96, 128], w))(Mul(y, y)))],
    ['rows that a reshape has cut otherwise', graphOf(['rows', 128], (y) => linear(weight([96, 64]))(Reshape(norm(y), integers(y, [-1, 64]))))],
    ['a norm whose scale is computed', graphOf([4, 128], (y) => linear(weight([96, 128], w))(LayerNormalization(y, Reshape(Gather(y, integers(y, [0])), integers(y, [128])))))],
    ['a norm with one scale for all columns', graphOf(['rows', 128], (y) => linear(weight([96, 128], w))(LayerNormalization(y, y.builder.constant(weight([1], Float32Array.of(2)), 'gamma'))))],
  ])('leaves alone %s', (_, graph) => {
    const smaller = applied(quantizeDynamically(), graph)
    expect(opsOf(smaller)).toContain(INTEGER)
    expect(smoothings(smaller)).toEqual([])
  })

  it('divides once for all the layers that read the same rows', async () => {
    const graph = graphOf(['rows', 128], (y) => {
      const rows = norm(y)
      const layer = (name: string, seed: number) => Gemm(rows, y.builder.constant(weight([64, 128], normal([64, 128], seed)), name), undefined, { transB: 1 })
      return Add(Add(layer('query', 1), layer('key', 2)), layer('value', 3))
    })
    const smaller = applied(quantizeDynamically(), graph)
    expect(smoothings(smaller)).toHaveLength(1)
    expect(opsOf(smaller).filter((op) => op === 'DynamicQuantizeLinear')).toHaveLength(1)
    expect(await errorOf(graph, [24, 128], x)).toBeLessThan(0.015)
  })

  it('lets the weights of queries and keys have no say beside others, since a softmax forgives them', async () => {
    const attention = (queries: Float32Array) =>
      graphOf(['batch', 'sequence', 128], (y) => {
        const rows = norm(y)
        const project = (name: string, values: Float32Array) => MatMul(rows, y.builder.constant(weight([128, 128], values), name))
        return MultiHeadAttention(project('query', queries), project('key', queries), project('value', normal([128, 128], 3)), undefined, undefined, undefined, { num_heads: 4 })
      })
    const factors = async (graph: Graph) => {
      const smaller = applied(quantizeDynamically(), graph)
      return viewAs('float32', await smaller.constants.get(smoothings(smaller)[0]!)!.bytes())
    }
    const plain = normal([128, 128], 5)
    const steep = plain.map((value, index) => (Math.floor(index / 128) === 7 ? value * 1000 : value)) // row 7 reads column 7
    expect(await factors(attention(steep))).toEqual(await factors(attention(plain)))
  })
})

describe('embedding tables', () => {
  const table = normal([200, 32], 4).map((value, index) => value * 10 ** ((Math.floor(index / 32) % 7) - 3))

  async function looked(options: DynamicInt8Options = {}, shape: readonly number[] = [3, 2], picked: readonly number[] = [0, 1, 2, 3, 199, -1]) {
    const builder = new GraphBuilder('test')
    const ids = builder.input('ids', 'int64', shape.map((_, axis) => `n${axis}`))
    builder.output('y', Gather(builder.constant(weight([200, 32], table), 'table'), ids))
    const graph = builder.build()
    const smaller = applied(quantizeDynamically(options), graph)
    const feeds = { ids: tensor('int64', shape, BigInt64Array.from(picked, BigInt)) }
    return { graph, smaller, exact: (await run(backend, graph, feeds))['y']!, approximate: (await run(backend, smaller, feeds))['y']! }
  }

  it('have a scale per row: rows of any size are equally exact', async () => {
    const { smaller, exact, approximate } = await looked()
    expect([...smaller.constants].map(([name, { dtype, shape }]) => [name, dtype, shape]).slice(0, 2)).toEqual([['table_rows_int8', 'int8', [200, 32]], ['table_rows_scale', 'float32', [200]]])
    for (let index = 0; index < 6; index++) expect(relativeError(row(approximate, index, 32), row(exact, index, 32))).toBeLessThan(0.01)
  })

  it('are read by one id too', async () => {
    const { exact, approximate } = await looked({}, [], [5])
    expect(relativeError(approximate, exact)).toBeLessThan(0.01)
  })

  it('stay as they are when asked', async () => {
    const { graph, smaller } = await looked({ embeddings: false })
    expect(smaller).toBe(graph)
  })

  it('are left alone where something else than rows is gathered', () => {
    const graph = graphOf([3], (x) => Mul(x, Gather(x.builder.constant(weight([200, 32], table), 'table'), integers(x, [1]), { axis: 1 })))
    expect(quantizeDynamically().apply(graph)).toBe(graph)
  })
})

describe('a weight with several uses', () => {
  it('is quantised once for the rows it is looked up in and once for the product, where it is tied', async () => {
    const table = counted(weight([100, 64]))
    const build = (constant: Constant) => {
      const builder = new GraphBuilder('test')
      const ids = builder.input('ids', 'int64', ['n'])
      const words = builder.constant(constant, 'words')
      builder.output('y', Gemm(Gather(words, ids), words, undefined, { transB: 1 }))
      builder.output('z', Gemm(Gather(words, ids), words, undefined, { transB: 1 }))
      return builder.build()
    }
    const graph = build(table)
    const smaller = applied(quantizeDynamically(), graph)
    expect([...smaller.constants.keys()].filter((name) => name.startsWith('words'))).toEqual(['words_rows_int8', 'words_rows_scale', 'words_int8', 'words_scale'])
    const feeds = { ids: tensor('int64', [4], BigInt64Array.of(0n, 7n, 42n, 99n)) }
    const [exact, approximate] = [await run(backend, graph, feeds), await run(backend, smaller, feeds)]
    expect(relativeError(approximate['y']!, exact['y']!)).toBeLessThan(0.02)
    expect(approximate['z']).toEqual(approximate['y'])
  })

  it('is quantised for each way it is read, there and back', async () => {
    const graph = graphOf(['rows', 64], (x) => {
      const w = x.builder.constant(weight([64, 64]), 'w')
      return Gemm(MatMul(x, w), w, undefined, { transB: 1 })
    })
    expect(await errorOf(graph, [8, 64], normal([8, 64]))).toBeLessThan(0.02)
  })
})

describe('what is left alone', () => {
  const gemm = (attributes: Record<string, number>, shape: readonly number[] = [64, 64]) => graphOf([64, 64], (x) => Gemm(x, x.builder.constant(weight(shape), 'w'), x.builder.constant(bias(64), 'bias'), attributes))

  it.each<[string, Graph]>([
    ['Gemm with alpha', gemm({ alpha: 2 })],
    ['Gemm with beta', gemm({ beta: 0.5 })],
    ['Gemm with transA', gemm({ transA: 1 })],
    ['a product of two activations', graphOf([64, 64], (x) => MatMul(x, x))],
    ['a product with the weight on the left', graphOf([64, 64], (x) => MatMul(x.builder.constant(weight([64, 64]), 'w'), x))],
    ['a batch of weights', graphOf([2, 64, 64], (x) => MatMul(x, x.builder.constant(weight([2, 64, 64]), 'w')))],
    ['a small matrix', graphOf([1, 63], linear(weight([65, 63])))],
    ['a graph without weights', graphOf([3], (x) => Add(x, x))],
  ])('is %s, and the graph with it, as the same object', (_, graph) => {
    expect(quantizeDynamically().apply(graph)).toBe(graph)
  })

  it('is a weight of another type', () => {
    const builder = new GraphBuilder('test')
    const x = builder.input('x', 'float64', [64, 64])
    builder.output('y', MatMul(x, builder.constant(inlineConstant('float64', [64, 64], new Float64Array(4096)), 'w')))
    const graph = builder.build()
    expect(quantizeDynamically().apply(graph)).toBe(graph)
  })

  it('is what was quantised before', () => {
    const once = applied(quantizeDynamically(), graphOf(['rows', 128], linear(weight([96, 128]), bias(96))))
    expect(quantizeDynamically().apply(once)).toBe(once)
  })

  it('is the graph that was given: the result is another', () => {
    const graph = graphOf(['rows', 128], linear(weight([96, 128])))
    const before = JSON.stringify({ ...graph, constants: [...graph.constants.keys()] })
    applied(quantizeDynamically(), graph)
    expect(JSON.stringify({ ...graph, constants: [...graph.constants.keys()] })).toBe(before)
  })
})

describe('the options', () => {
  it('draw the line between small and worthwhile by the number of elements', () => {
    const graph = graphOf(['rows', 64], linear(weight([64, 64])))
    expect(quantizeDynamically().apply(graph)).not.toBe(graph)
    expect(quantizeDynamically({ smallest: 4096 }).apply(graph)).not.toBe(graph)
    expect(quantizeDynamically({ smallest: 4097 }).apply(graph)).toBe(graph)
    expect(quantizeDynamically({ smallest: 0 }).apply(graphOf(['rows', 2], linear(weight([1, 2])))).nodes.length).toBeGreaterThan(1)
  })

  it('are those of the plugin unless a task says otherwise', () => {
    const graph = graphOf(['rows', 64], linear(weight([64, 64])))
    const compressor = dynamicInt8({ smallest: 10_000 })
    expect(compressor).toMatchObject({ kind: 'compressor', version: 'v1', name: 'dynamic-int8' })
    expect(compressor.pass({}, 'model').apply(graph)).toBe(graph)
    expect(compressor.pass({ smallest: 1 }, 'model').apply(graph)).not.toBe(graph)
  })

  it('are refused where they are unknown, with what was meant, and when the plugin is made', () => {
    const misspelled = { outlierguard: true } as DynamicInt8Options
    for (const make of [() => quantizeDynamically(misspelled), () => dynamicInt8(misspelled), () => dynamicInt8().pass(misspelled, 'model')]) {
      expect(make).toThrow(InvalidOptionError)
      expect(make).toThrow("Did you mean 'outlierGuard'?")
    }
  })

  it.each([-1, NaN, '4096x'])('are refused where they are out of range: smallest %s', (smallest) => {
    expect(() => quantizeDynamically({ smallest: smallest as number })).toThrow(InvalidOptionError)
  })

  it('may be passed as undefined, which is the default', () => {
    const graph = graphOf(['rows', 64], linear(weight([64, 64])))
    expect(quantizeDynamically({ smallest: undefined } as unknown as DynamicInt8Options).apply(graph)).not.toBe(graph)
  })

  it('leave operators alone that the graph brings along', () => {
    const Twice = defineOp('example::Twice', { since: 1, inputs: ['x'], infer: ([x]) => x, decompose: ([x]) => Add(x, x) })
    const graph = graphOf(['rows', 64], (x) => Twice(linear(weight([64, 64]))(x)))
    expect(opsOf(quantizeDynamically().apply(graph))).toEqual(expect.arrayContaining([INTEGER, Twice.op]))
  })
})

describe('the weights', () => {
  it('are read when a backend asks for them, not before', async () => {
    const [w, gamma, beta] = [counted(weight([96, 128])), counted(weight([128])), counted(weight([128]))]
    const graph = graphOf(['rows', 128], (x) => linear(w)(LayerNormalization(x, x.builder.constant(gamma, 'gamma'), x.builder.constant(beta, 'beta'))))
    const smaller = applied(quantizeDynamically(), graph)
    expect([w, gamma, beta].map((each) => each.reads())).toEqual([0, 0, 0])
    for (const [name, constant] of smaller.constants) if (/^w_|_smoothing$/.test(name)) await constant.bytes()
    // For the smoothing, and for bytes and scales together; the norm's once for both.
    expect([w, gamma, beta].map((each) => each.reads())).toEqual([2, 1, 1])
  })

  it('are the same bytes each time', async () => {
    const bytes = async () => {
      const { constants } = applied(quantizeDynamically(), graphOf(['rows', 128], linear(weight([96, 128]))))
      return Buffer.concat(await Promise.all([...constants.values()].map((constant) => constant.bytes())))
    }
    expect((await bytes()).equals(await bytes())).toBe(true)
  })

  it('that cannot be read fail the compilation with their own error', async () => {
    const broken = lazyConstant('float32', [96, 128], async () => {
      throw new Error('the disk is gone')
    })
    await expect(backend.compile(applied(quantizeDynamically(), graphOf(['rows', 128], linear(broken))), {}, { emit: () => {} })).rejects.toThrow('the disk is gone')
  })

  it('may lie in memory that is not aligned', async () => {
    const values = normal([64, 64])
    const shifted = new Uint8Array(values.byteLength + 1)
    shifted.set(bytesOf(values), 1)
    const unaligned = lazyConstant('float32', [64, 64], async () => shifted.subarray(1))
    expect(await errorOf(graphOf(['rows', 64], linear(unaligned)), [8, 64], normal([8, 64], 9))).toBeLessThan(0.015)
  })
})

describe('a whole encoder', () => {
  it('stays as it was: states of every token within a cosine of 0.99', async () => {
    await using checkpoint = await openFolder(fileURLToPath(new URL('../../models/fixtures/bert/base', import.meta.url)))
    const { model } = await bert().build(checkpoint, { head: 'base' })
    const smaller = applied(quantizeDynamically({ smallest: 1 }), verify(model!))
    // Six layers in each of two blocks, and the pooler's.
    expect(opsOf(smaller).filter((op) => op === INTEGER)).toHaveLength(13)
    expect(opsOf(smaller)).not.toContain('Gemm')

    const feed = (of: (index: number) => number): HostTensor => tensor('int64', [3, 20], BigInt64Array.from({ length: 60 }, (_, index) => BigInt(of(index))))
    const feeds = { input_ids: feed((index) => 1 + ((index * 37) % 98)), attention_mask: feed((index) => (index % 20 < 20 - 6 * Math.floor(index / 20) ? 1 : 0)), token_type_ids: feed((index) => (index % 20 > 9 ? 1 : 0)) }
    const [exact, approximate] = [await run(backend, model!, feeds), await run(backend, smaller, feeds)]
    const cosines = Array.from({ length: 60 }, (_, token) => cosine(row(approximate['last_hidden_state']!, token, 32), row(exact['last_hidden_state']!, token, 32)))
    expect(Math.min(...cosines)).toBeGreaterThan(0.99)
    for (let text = 0; text < 3; text++) expect(cosine(row(approximate['pooler_output']!, text, 32), row(exact['pooler_output']!, text, 32))).toBeGreaterThan(0.99)
  })
})
