import { InvalidInputError, NoGradientError, ShapeMismatchError, TypeMismatchError } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../builder.js'
import { integers, scalar } from '../literals.js'
import { defineOp, type Value } from '../op.js'
import { Add, ArgMax, Cast, Concat, Equal, Expand, Floor, Gather, Gelu, MatMul, Mul, Neg, Pow, QuickGelu, ReduceMax, ReduceMean, ReduceSum, Relu, Reshape, Shape, Sigmoid, Slice, Softmax, Split, Sub, Tanh, Tile, Transpose } from '../ops/index.js'
import { TopK } from '../ops/indexing.js'
import { Pad } from '../ops/indexing.js'
import { Max } from '../ops/elementwise.js'
import { ReduceL2, ReduceProd } from '../ops/reduction.js'
import { difference, lowered, run, tensorOf } from '../test-support.js'
import { gradients } from './gradients.js'

const sum = (x: Value) => ReduceSum(x, undefined, { keepdims: 0 })

/** The gradient of a function's sum at a place, as ONNX Runtime computes it. */
async function at(values: readonly number[], compute: (x: Value) => Value): Promise<readonly number[]> {
  const builder = new GraphBuilder('test')
  const x = builder.input('x', 'float64', [values.length])
  builder.output('slope', gradients(sum(compute(x)), [x])[0])
  const graph = builder.build()
  const { slope } = await run(graph, graph.inputs.some(({ name }) => name === 'x') ? { x: tensorOf('float64', [values.length], values) } : {})
  return slope!.values
}

/** The ops that the gradients of `of` are made of, by the outputs of the graph. */
function opsOf(builder: GraphBuilder, slopes: readonly Value[]): string[] {
  slopes.forEach((slope, index) => builder.output(`slope${index}`, slope))
  return builder.build().nodes.map(({ op }) => op)
}

const build = () => {
  const builder = new GraphBuilder('test')
  return { builder, x: builder.input('x', 'float32', ['batch', 3]), w: builder.input('w', 'float32', [3, 2]) }
}

describe('gradients', () => {
  it('are those of inputs, of constants and of values in between', async () => {
    const { builder, x, w } = build()
    const hidden = Tanh(MatMul(x, w))
    const loss = sum(Mul(hidden, hidden))
    const [dx, dw, dh] = gradients(loss, [x, w, hidden])
    expect([dx, dw, dh].map((value) => [value.dtype, value.shape])).toEqual([['float32', ['batch', 3]], ['float32', [3, 2]], ['float32', ['batch', 2]]])
    builder.output('dh', dh)
    builder.output('h', hidden)
    const { dh: slope, h } = await run(builder.build(), { x: tensorOf('float32', [1, 3], [1, 2, 3]), w: tensorOf('float32', [3, 2], [0.1, -0.2, 0.3, 0.1, 0, 0.2]) })
    expect(difference(slope!.values, h!.values.map((value) => 2 * value))).toBeLessThan(1e-6)
  })

  it('add up where a value is used several times', async () => {
    expect(await at([3], (x) => Mul(Add(x, Mul(x, x)), x))).toEqual([2 * 3 + 3 * 3 * 3])
  })

  it('are 1 for the value itself, and zeros of its shape for what it does not depend on', async () => {
    const { builder, x, w } = build()
    const loss = sum(w)
    const [ofLoss, ofX] = gradients(loss, [loss, x])
    builder.output('one', ofLoss)
    builder.output('zeros', ofX)
    const { one, zeros } = await run(builder.build(), { x: tensorOf('float32', [2, 3], []), w: tensorOf('float32', [3, 2], []) })
    expect(one).toMatchObject({ shape: [], values: [1] })
    expect(zeros).toMatchObject({ shape: [2, 3], values: [0, 0, 0, 0, 0, 0] })
  })

  it('start from a seed where one is passed', async () => {
    const builder = new GraphBuilder('test')
    const [x, seed] = [builder.input('x', 'float64', [3]), builder.input('seed', 'float64', [3])]
    builder.output('slope', gradients(Mul(x, x), [x], { seed })[0])
    const { slope } = await run(builder.build(), { x: tensorOf('float64', [3], [1, 2, 3]), seed: tensorOf('float64', [3], [1, 0, -1]) })
    expect(slope!.values).toEqual([2, 0, -6])
  })

  it('flow through floating-point values only', () => {
    const { builder, x } = build()
    const best = Cast(ArgMax(x, { axis: 1, keepdims: 0 }), { to: 'float32' })
    const hits = Cast(Equal(x, ReduceMax(x)), { to: 'float32' })
    expect(opsOf(builder, gradients(Add(sum(best), sum(hits)), [x]))).toEqual(['Shape', 'ConstantOfShape'])
  })

  it('end at what is flat, whatever lies behind it', () => {
    const Opaque = defineOp('org.example::Opaque', { since: 1, inputs: ['X'], infer: ([x]) => x })
    const { builder, x } = build()
    expect(opsOf(builder, gradients(sum(Floor(Opaque(x))), [x]))).toEqual(['Shape', 'ConstantOfShape'])
  })

  it('are computed only where somebody asked', () => {
    const { builder, x, w } = build()
    // Neither the gradient of the first layer's input, nor what leads to it.
    const ops = opsOf(builder, gradients(sum(MatMul(Relu(x), w)), [w]))
    expect(ops.filter((op) => op === 'Gemm')).toHaveLength(1)
    expect(ops).not.toContain('Where')
  })

  it('make no zeros for parts of a split that count', () => {
    const { builder, x } = build()
    const parts = builder.emit(Split as never, [x, integers(x, [1, 2])], { axis: 1 }, 2)
    expect(opsOf(builder, gradients(parts.map(sum).reduce((a, b) => Add(a, b)), [x])).filter((op) => op.startsWith('ConstantOf'))).toEqual([])
  })

  it('undo a transposition without a second one', () => {
    const builder = new GraphBuilder('test')
    const [q, k] = [builder.input('q', 'float32', ['batch', 2, 'n', 4]), builder.input('k', 'float32', ['batch', 2, 'n', 4])]
    const scores = MatMul(q, Transpose(k, { perm: [0, 1, 3, 2] }))
    const seed = builder.input('seed', 'float32', ['batch', 2, 'n', 'n'])
    // d · k for the queries; (qᵀ · d)ᵀ for the keys.
    expect(opsOf(builder, gradients(scores, [q], { seed }))).toEqual(['MatMul'])
  })

  it('of a value taken at one place are padding, and of a slice as well', () => {
    const { builder, x } = build()
    const first = Gather(x, scalar(integers(x, []), 0), { axis: 1 })
    const rest = Slice(x, integers(x, [1]), integers(x, [3]), integers(x, [1]))
    const ops = opsOf(builder, gradients(Add(sum(first), sum(rest)), [x]))
    expect(ops.filter((op) => op === 'Pad')).toHaveLength(2)
    expect(ops).not.toContain('ScatterElements')
  })

  it('find their places anew where TopK did not tell them', () => {
    const { builder, x } = build()
    expect(opsOf(builder, gradients(sum(TopK(x, integers(x, [2]))), [x])).filter((op) => op === 'TopK')).toHaveLength(2)
  })

  it('come through graphs that are deeper than a stack', () => {
    const { builder, w } = build()
    let deep = w
    for (let index = 0; index < 15_000; index++) deep = Neg(deep)
    expect(opsOf(builder, gradients(sum(deep), [w])).filter((op) => op === 'Neg')).toHaveLength(15_000)
  })

  it('have the sizes that only a run can tell, of inputs that broadcast', async () => {
    const builder = new GraphBuilder('test', [])
    const [a, b] = [builder.input('a', 'float64', ['n']), builder.input('b', 'float64', ['m'])]
    const [da, db] = gradients(sum(Mul(a, b)), [a, b])
    builder.output('da', da)
    builder.output('db', db)
    const graph = builder.build()
    const given = (x: number[], y: number[]) => ({ a: tensorOf('float64', [x.length], x), b: tensorOf('float64', [y.length], y) })
    expect(await run(graph, given([1, 2], [3, 4]))).toMatchObject({ da: { values: [3, 4] }, db: { values: [1, 2] } })
    expect(await run(graph, given([1, 2], [3]))).toMatchObject({ da: { values: [3, 3] }, db: { shape: [1], values: [3] } })
    expect(await run(graph, given([5], [3, 4]))).toMatchObject({ da: { shape: [1], values: [7] }, db: { values: [5, 5] } })
  })

  it('are zeros where a run finds nothing', async () => {
    const builder = new GraphBuilder('test', [])
    const [x, w, b, last] = [builder.input('x', 'float32', ['n', 3]), builder.input('w', 'float32', [3, 2]), builder.input('b', 'float32', ['m', 2]), builder.input('last', 'int64', [1])]
    const rows = Slice(x, integers(x, [0]), last, integers(x, [0])) // none, where last is 0
    const ids = Slice(integers(x, [1, 0, 1, 1, 0, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 1, 1]), integers(x, [0]), last)
    const parts = [Tanh(Add(MatMul(rows, w), b)), Softmax(rows), Reshape(Gelu(rows), integers(x, [-1])), Gather(w, ids), Concat([rows, x], { axis: 0 }), Tile(rows, integers(x, [2, 1])), Transpose(MatMul(Transpose(rows), rows)), ReduceMax(rows, integers(x, [1])), Pad(rows, integers(x, [0, 1, 0, 0])), Expand(b, Concat([Shape(rows, { end: 1 }), integers(x, [2])], { axis: 0 }))]
    const slopes = gradients(parts.map(sum).reduce((total, part) => Add(total, part)), [x, w, b])
    slopes.forEach((slope, index) => builder.output(`slope${index}`, slope))
    const graph = builder.build()
    const given = (end: number) => ({ x: tensorOf('float32', [2, 3], [1, 2, 3, 4, 5, 6]), w: tensorOf('float32', [3, 2], [1, 2, 3, 4, 5, 6]), b: tensorOf('float32', [1, 2], [1, 2]), last: tensorOf('int64', [1], [end]) })
    expect(await run(graph, given(0))).toMatchObject({ slope0: { shape: [2, 3], values: [1, 1, 1, 1, 1, 1] }, slope1: { values: [0, 0, 0, 0, 0, 0] }, slope2: { shape: [1, 2] } })
    expect((await run(graph, given(2)))['slope1']!.values).toEqual([1, 1, 1, 1, 0, 0]) // those gathered; tanh is at its end
  })

  describe('at kinks are those of PyTorch', () => {
    it.each<[string, readonly number[], (x: Value) => Value, readonly number[]]>([
      ['Relu', [0, -0], (x) => Relu(x), [0, 0]],
      ['Max of equals', [2], (x) => Max([x, scalar(x, 2)]), [0.5]],
      ['ReduceMax of equals', [3, 1, 3], (x) => ReduceMax(x), [0.5, 0, 0.5]],
      ['ReduceL2 at the origin', [0, 0], (x) => ReduceL2(x), [0, 0]],
      ['ReduceProd with one zero', [2, 0, 3], (x) => ReduceProd(x), [0, 6, 0]],
      ['ReduceProd with two', [0, 5, 0], (x) => ReduceProd(x), [0, 0, 0]],
      ['Pow by 0 at 0', [0, 2], (x) => Pow(x, Sub(scalar(x, 1), scalar(x, 1))), [0, 0]],
      ['Pow by a literal 0', [0, 2], (x) => Pow(x, scalar(x, 0)), [0, 0]],
      ['Pow by 1 at 0', [0, 2], (x) => Pow(x, scalar(x, 1)), [1, 1]],
      ['a power of 0', [2, 1], (x) => Pow(scalar(x, 0), x), [0, 0]],
      ['Sigmoid far out', [-1000, 1000], (x) => Sigmoid(x), [0, 0]],
      ['Softmax far out', [-1000, 1000], (x) => Softmax(x), [0, 0]],
    ])('%s', async (_, values, compute, expected) => {
      expect((await at(values, compute)).map((value) => value + 0)).toEqual(expected)
    })
  })

  it('can be differentiated again', async () => {
    const builder = new GraphBuilder('test')
    const x = builder.input('x', 'float64', [2])
    const [first] = gradients(sum(Mul(Mul(x, x), x)), [x])
    const [second] = gradients(sum(first), [x])
    const [third] = gradients(sum(second), [x])
    builder.output('second', second)
    builder.output('third', third)
    expect(await run(builder.build(), { x: tensorOf('float64', [2], [2, -1]) })).toMatchObject({ second: { values: [12, -6] }, third: { values: [6, 6] } })
  })

  describe('of operators of others', () => {
    const { infer } = Tanh
    it('follow the rule in the record, as that in the README', async () => {
      const slope = (x: Value, y: Value, d: Value) => {
        const s = Sigmoid(x)
        return Mul(d, Add(s, Mul(y, Sub(scalar(s, 1), s))))
      }
      const Swish = defineOp('org.example::Swish', { since: 1, inputs: ['X'], infer, decompose: ([x]) => QuickGelu(x, { alpha: 1 }), gradient: ({ inputs: [x], outputs: [y], gradients: [d] }) => [() => slope(x, y!, d!)] })
      const builder = new GraphBuilder('test')
      const x = builder.input('x', 'float64', [3])
      const swish = Swish(x)
      builder.output('own', gradients(sum(swish), [x])[0])
      builder.output('decomposed', gradients(sum(Mul(x, Sigmoid(x))), [x])[0])
      const { own, decomposed } = await run(lowered(builder.build(), Swish.op, QuickGelu.op), { x: tensorOf('float64', [3], [-2, 0.5, 3]) })
      expect(difference(own!.values, decomposed!.values)).toBeLessThan(1e-12)
    })

    it('follow it rather than the rule here', () => {
      const flat = { ...(Gelu as object), gradient: () => [] }
      const { builder, x } = build()
      expect(opsOf(builder, gradients(sum(builder.emit(flat as never, [x])[0]!), [x]))).toEqual(['Shape', 'ConstantOfShape'])
    })

    it('are refused without one', () => {
      const Opaque = defineOp('org.example::Opaque', { since: 1, inputs: ['X'], infer })
      const { x } = build()
      expect(() => gradients(sum(Opaque(x)), [x])).toThrow(NoGradientError)
      expect(() => gradients(sum(Opaque(x)), [x])).toThrow("org.example::Opaque (the node that makes 'Opaque_1') has no gradient. Give the record of org.example::Opaque a gradient rule or a decomposition")
    })

    it('are refused where their rule gives another shape or type', () => {
      const wrong = (change: (d: Value) => Value) => defineOp('org.example::Wrong', { since: 1, inputs: ['X'], infer, gradient: ({ gradients: [d] }) => [() => change(d!)] })
      const { x } = build()
      expect(() => gradients(sum(wrong((d) => sum(d))(x)), [x])).toThrow(ShapeMismatchError)
      expect(() => gradients(sum(wrong((d) => ReduceSum(d, integers(d, [1])))(x)), [x])).toThrow('the gradient of org.example::Wrong expects [batch, 3] and got [batch, 1]')
      expect(() => gradients(sum(wrong((d) => Cast(d, { to: 'float64' }))(x)), [x])).toThrow(TypeMismatchError)
    })
  })

  it('refuse what has none', () => {
    const { builder, x } = build()
    const ids = builder.input('ids', 'int64', ['batch'])
    expect(() => gradients(x, [x])).toThrow("The value 'x' has the shape [batch, 3]; a gradient is taken of one number")
    expect(() => gradients(sum(x), [ids])).toThrow(InvalidInputError)
    expect(() => gradients(sum(x), [build().w])).toThrow('belongs to another graph')
    expect(() => gradients(sum(x), [ids])).toThrow("The value 'ids' is int64")
    expect(() => gradients(sum(ids), [x])).toThrow('is int64')
    expect(() => gradients(x, [x], { seed: ReduceMean(x) })).toThrow('the seed expects [batch, 3] and got [1, 1]')
  })
})
