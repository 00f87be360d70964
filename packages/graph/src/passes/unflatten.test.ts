import { inlineConstant, type Graph } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../builder.js'
import { integers, scalar } from '../literals.js'
import type { Value } from '../op.js'
import { Abs, Add, Concat, Div, GroupQueryAttention, MatMulIntegerToFloat, MatMulNBits, Max, Mul, QuantizeLinear, QuickGelu, ReduceMax, Reshape, Shape, SimplifiedLayerNormalization, SkipSimplifiedLayerNormalization, Softmax, Split } from '../ops/index.js'
import { constantOf, noise, run, tensorOf } from '../test-support.js'
import { verify } from '../verify.js'
import { fuseSkipNorm } from './fuse-skip-norm.js'
import { packProjections } from './pack-projections.js'
import { unflatten } from './unflatten.js'

const [HEADS, KV_HEADS, SIZE] = [4, 2, 16]
const HIDDEN = HEADS * SIZE

const toRows = (x: Value) => Reshape(x, integers(x, [-1, x.shape.at(-1) as number]))
const fromRows = (x: Value, text: Value) => Reshape(x, Concat([Shape(text, { end: 2 }), integers(x, [x.shape.at(-1) as number])], { axis: 0 }))
const norm = (x: Value) => SimplifiedLayerNormalization(x, x.builder.constant(constantOf(noise([HIDDEN], 3))), { epsilon: 1e-6 })
function product(x: Value, N: number): Value {
  const K = x.shape.at(-1) as number
  const codes = x.builder.constant(inlineConstant('uint8', [N, K / 32, 16], Uint8Array.from({ length: (N * K) / 2 }, (_, index) => (index * 37 + N * 11) % 256)))
  return MatMulNBits(x, codes, x.builder.constant(constantOf(noise([N, K / 32], N))), undefined, undefined, undefined, { N, K, bits: 4, block_size: 32 })
}

interface Layer {
  /** In which order the parts of the product are given to the attention. */
  readonly order?: readonly [number, number, number]
  /** Whether a query is something else than a part of the product. */
  readonly halved?: boolean
}

/** A decoder's layer over rows, as families write it, after its products were merged. */
function layer({ order = [0, 1, 2], halved = false }: Layer = {}): Graph {
  const builder = new GraphBuilder('layer')
  const text = builder.input('x', 'float32', ['batch', 'sequence', HIDDEN])
  const lengths = builder.input('lengths', 'int32', ['batch'])
  const total = builder.constant(inlineConstant('int32', [], Int32Array.of(5)))
  const x = toRows(text)
  const kv = KV_HEADS * SIZE
  const parts = builder.emit(Split, [product(norm(x), HIDDEN + 2 * kv), integers(x, [HIDDEN, kv, kv])], { axis: -1 }, 3)
  const [query, key, value] = order.map((place) => fromRows(parts[place]!, text)) as [Value, Value, Value]
  const [mixed] = builder.emit(GroupQueryAttention, [halved ? Mul(query, builder.constant(constantOf(tensorOf('float32', [], [0.5])))) : query, key, value, undefined, undefined, lengths, total], { num_heads: HEADS, kv_num_heads: KV_HEADS }, 3)
  const after = Add(x, product(toRows(mixed!), HIDDEN))
  const [gate, up] = builder.emit(Split, [product(norm(after), 128), integers(x, [64, 64])], { axis: -1 }, 2)
  builder.output('y', fromRows(Add(after, product(Mul(QuickGelu(gate!, { alpha: 1 }), up!), HIDDEN)), text))
  return fuseSkipNorm().apply(builder.build())
}

const feeds = { x: noise([2, 5, HIDDEN]), lengths: tensorOf('int32', [2], [4, 2]) }
const ops = ({ nodes }: Graph) => nodes.map(({ op }) => op.split('::').at(-1))
const packed = (graph: Graph) => graph.nodes.some(({ op, inputs }) => op === GroupQueryAttention.op && inputs[1] === '')

describe('queries, keys and values of one product', () => {
  it('go to the attention as they are, and it computes the same to the bit', async () => {
    const graph = unflatten().apply(layer())
    const changed = verify(packProjections().apply(graph))
    expect([packed(graph), packed(changed)]).toEqual([false, true])
    expect(ops(changed).filter((op) => op === 'Split')).toHaveLength(1)
    expect(await run(changed, feeds)).toEqual(await run(graph, feeds))
    expect(packProjections().apply(changed)).toBe(changed)
  })

  it.each<[string, Layer]>([['in another order', { order: [0, 2, 1] }], ['of which one is changed first', { halved: true }]])('%s are left', (_, options) => {
    const graph = unflatten().apply(layer(options))
    expect(packProjections().apply(graph)).toBe(graph)
  })
})

describe('texts that are laid end to end and taken apart again', () => {
  it('stay texts, and what works by rows computes the same to the bit', async () => {
    const graph = layer()
    const changed = verify(packProjections().apply(unflatten().apply(graph)))
    expect(ops(changed)).toEqual(['SimplifiedLayerNormalization', 'MatMulNBits', 'GroupQueryAttention', 'MatMulNBits', 'SkipSimplifiedLayerNormalization', 'MatMulNBits', 'Split', 'QuickGelu', 'Mul', 'MatMulNBits', 'Add'])
    expect(changed.outputs).toEqual(graph.outputs)
    expect(await run(changed, feeds)).toEqual(await run(graph, feeds))
  })

  it('stay texts where each row becomes bytes by itself', async () => {
    const builder = new GraphBuilder('bytes')
    const text = builder.input('x', 'float32', ['batch', 'sequence', HIDDEN])
    const rows = norm(toRows(text))
    const largest = Max([ReduceMax(Abs(rows), integers(rows, [-1])), scalar(rows, 1e-30)])
    const [scale, zero] = [scalar(rows, 1 / 127), builder.constant(inlineConstant('uint8', [], Uint8Array.of(128)))]
    const bytes = QuantizeLinear(Div(rows, largest), scale, zero)
    const weight = builder.constant(inlineConstant('int8', [HIDDEN, HIDDEN], Int8Array.from({ length: HIDDEN * HIDDEN }, (_, index) => (index * 37) % 101)))
    const product = Mul(MatMulIntegerToFloat(bytes, weight, scale, builder.constant(constantOf(noise([HIDDEN], 5))), zero, builder.constant(inlineConstant('int8', [HIDDEN], new Int8Array(HIDDEN)))), largest)
    builder.output('y', fromRows(Add(product, builder.constant(constantOf(noise([HIDDEN], 6)))), text))
    const graph = builder.build()
    const changed = verify(unflatten().apply(graph))
    expect(ops(changed)).toEqual(['SimplifiedLayerNormalization', 'Abs', 'ReduceMax', 'Max', 'Div', 'QuantizeLinear', 'MatMulIntegerToFloat', 'Mul', 'Add'])
    expect(await run(changed, { x: feeds.x })).toEqual(await run(graph, { x: feeds.x }))
  })

  it('stay texts where the columns of rows are divided into heads and joined again', async () => {
    const builder = new GraphBuilder('heads')
    const text = builder.input('x', 'float32', ['batch', 'sequence', HIDDEN])
    const each = Reshape(norm(toRows(text)), integers(text, [0, HEADS, SIZE]))
    const normed = SimplifiedLayerNormalization(each, builder.constant(constantOf(noise([SIZE], 4))), { epsilon: 1e-6 })
    builder.output('y', fromRows(product(Reshape(normed, integers(text, [0, HIDDEN])), HIDDEN), text))
    const graph = builder.build()
    const changed = verify(unflatten().apply(graph))
    expect(ops(changed)).toEqual(['SimplifiedLayerNormalization', 'Reshape', 'SimplifiedLayerNormalization', 'Reshape', 'MatMulNBits'])
    expect(await run(changed, { x: feeds.x })).toEqual(await run(graph, { x: feeds.x }))
  })

  it('stay texts where the largest is one of several', async () => {
    const builder = new GraphBuilder('largest')
    const text = builder.input('x', 'float32', ['batch', 'sequence', HIDDEN])
    const rows = norm(toRows(text))
    builder.output('y', fromRows(Max([rows, Abs(rows), Mul(rows, rows)]), text))
    const graph = builder.build()
    const changed = verify(unflatten().apply(graph))
    expect(ops(changed)).not.toContain('Reshape')
    expect(await run(changed, { x: feeds.x })).toEqual(await run(graph, { x: feeds.x }))
  })

  it.each<[string, (rows: Value) => Value]>([
    ['each is added to all', (rows) => Add(Reshape(rows, integers(rows, [0, 1, HIDDEN])), rows)],
    ['their number is found out', (rows) => Reshape(rows, integers(rows, [0, -1, SIZE]))],
    ['norms are of sums of heads', (rows) => rows.builder.emit(SkipSimplifiedLayerNormalization, [Reshape(rows, integers(rows, [0, HEADS, SIZE])), Reshape(rows, integers(rows, [0, HEADS, SIZE])), rows.builder.constant(constantOf(noise([SIZE], 4)))], { epsilon: 1e-6 })[0]!],
    ['the largest is one of a column', (rows) => ReduceMax(rows, integers(rows, [0]))],
    ['the largest of each has no axis of its own', (rows) => ReduceMax(rows, integers(rows, [-1]), { keepdims: 0 })],
    ['columns have scales', (rows) => QuantizeLinear(rows, rows.builder.constant(constantOf(tensorOf('float32', [HIDDEN], Array.from({ length: HIDDEN }, () => 0.1)))), rows.builder.constant(inlineConstant('uint8', [HIDDEN], new Uint8Array(HIDDEN).fill(128))))],
    ['something of two dimensions is added', (rows) => Add(rows, rows.builder.constant(constantOf(noise([1, HIDDEN], 8))))],
  ])('are rows where %s', async (_, make) => {
    const builder = new GraphBuilder('other')
    builder.output('y', make(norm(toRows(builder.input('x', 'float32', ['batch', 'sequence', HIDDEN])))))
    const graph = builder.build()
    const changed = verify(unflatten().apply(graph))
    expect(changed.outputs).toEqual(graph.outputs)
    expect(await run(changed, { x: feeds.x })).toEqual(await run(graph, { x: feeds.x }))
  })

  it('are rows where something else reads them', async () => {
    const builder = new GraphBuilder('mixed')
    const x = toRows(builder.input('x', 'float32', ['batch', 'sequence', HIDDEN]))
    const y = product(norm(x), HIDDEN)
    builder.output('rows', Softmax(y, { axis: 0 }))
    builder.output('y', y)
    const graph = builder.build()
    const changed = verify(unflatten().apply(graph))
    expect(changed.outputs).toEqual(graph.outputs)
    expect(await run(changed, { x: feeds.x })).toEqual(await run(graph, { x: feeds.x }))
  })

  it('are rows where they are divided among others, row by row', async () => {
    const builder = new GraphBuilder('split')
    const x = toRows(builder.input('x', 'float32', ['batch', 'sequence', HIDDEN]))
    const parts = builder.emit(Split, [norm(x), integers(x, [3, 7])], {}, 2)
    parts.forEach((part, index) => builder.output(`y${index}`, product(part, HIDDEN)))
    const graph = builder.build()
    expect(await run(verify(unflatten().apply(graph)), { x: feeds.x })).toEqual(await run(graph, { x: feeds.x }))
  })

  it('stay rows where they are given other shapes, or were rows from the beginning', async () => {
    const builder = new GraphBuilder('other')
    const rows = builder.input('x', 'float32', ['rows', HIDDEN])
    builder.output('y', Reshape(product(norm(rows), HIDDEN), integers(rows, [-1, 2, HIDDEN])))
    const graph = builder.build()
    expect(unflatten().apply(graph)).toBe(graph)
    const turned = new GraphBuilder('turned')
    const text = turned.input('x', 'float32', ['batch', 'sequence', HIDDEN])
    turned.output('y', Reshape(product(norm(toRows(text)), HIDDEN), integers(text, [-1, HIDDEN / 2])))
    const [before, after] = [turned.build(), unflatten().apply(turned.build())]
    expect(await run(verify(after), { x: feeds.x })).toEqual(await run(before, { x: feeds.x }))
  })
})
