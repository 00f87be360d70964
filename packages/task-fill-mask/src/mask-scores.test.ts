import { inlineConstant, tensor, type Graph } from '@tenon/core'
import { onnx } from '@tenon/backend-onnx'
import { GraphBuilder, inferTypes, integers, scalar, type Value } from '@tenon/graph'
import { Add, Cast, Concat, Gather, Gemm, MatMul, Mul, Reshape, Shape, Transpose } from '@tenon/graph/ops'
import { afterAll, describe, expect, it } from 'vitest'
import { appendMaskScores, MASK_POSITIONS, MASK_SCORES } from './mask-scores.js'

const backend = onnx({ threads: 1 })
afterAll(() => backend.dispose?.())

const HIDDEN = 4
const VOCABULARY = 9
const numbers = (count: number, seed: number) => Float32Array.from({ length: count }, (_, index) => Math.sin(index * 1.7 + seed))

interface Parts {
  /** [batch * sequence, hidden] */
  readonly x: Value
  /** [vocabulary, hidden] */
  readonly weight: Value
  /** [vocabulary] */
  readonly bias: Value
  /** [batch, sequence, size] of the rows. */
  readonly tokens: (rows: Value) => Value
}

/** A model of one product. */
function graphOf(head: (parts: Parts) => Value): Graph {
  const builder = new GraphBuilder('words')
  const ids = builder.input('input_ids', 'int64', ['batch', 'sequence'])
  const constant = (shape: readonly number[], seed: number, name: string) => builder.constant(inlineConstant('float32', shape, numbers(shape.reduce((a, b) => a * b, 1), seed)), name)
  const states = Gather(constant([VOCABULARY, HIDDEN], 1, 'words'), ids)
  const tokens = (rows: Value) => Reshape(rows, Concat([Shape(ids), integers(ids, [rows.shape.at(-1) as number])], { axis: 0 }))
  builder.output('logits', head({ x: Reshape(states, integers(ids, [-1, HIDDEN])), weight: constant([VOCABULARY, HIDDEN], 2, 'weight'), bias: constant([VOCABULARY], 3, 'bias'), tokens }))
  return builder.build()
}

async function run(graph: Graph, positions?: readonly number[]): Promise<Float32Array> {
  await using executable = await backend.compile(graph, {}, { emit: () => undefined })
  const ids = tensor('int64', [2, 3], BigInt64Array.from([1, 2, 3, 4, 5, 6], BigInt))
  const outputs = await executable.run({ input_ids: ids, ...(positions && { [MASK_POSITIONS]: tensor('int64', [positions.length], BigInt64Array.from(positions, BigInt)) }) })
  return Float32Array.from((await Object.values(outputs)[0]!.data()) as Float32Array)
}

function softmax(row: Float32Array): number[] {
  const powers = Array.from(row, Math.exp)
  const sum = powers.reduce((a, b) => a + b, 0)
  return powers.map((power) => power / sum)
}

/** For how much there are scores of every word, by the values of the graph that hold some; the transposed weight is none. */
const scored = (graph: Graph) =>
  [...inferTypes(graph).values()].filter(({ name, shape }) => shape.at(-1) === VOCABULARY && shape[0] !== HIDDEN && !graph.constants.has(name)).map(({ shape }) => shape.slice(0, -1).join())

describe('the scores of masks', () => {
  const before: readonly (readonly [string, (parts: Parts) => Value])[] = [
    ['a Gemm of rows', ({ x, weight, bias, tokens }) => tokens(Gemm(x, weight, bias, { transB: 1 }))],
    ['a Gemm without a bias, which is added after', ({ x, weight, bias, tokens }) => Add(tokens(Gemm(x, weight, undefined, { transB: 1, alpha: 0.5 })), bias)],
    ['a Gemm, whose bias stands first', ({ x, weight, bias, tokens }) => Add(bias, tokens(Gemm(x, weight, undefined, { transB: 1 })))],
    ['a MatMul of tokens, as others export it', ({ x, weight, bias, tokens }) => Add(MatMul(tokens(x), Transpose(weight)), bias)],
    ['a MatMul of rows', ({ x, weight, tokens }) => tokens(MatMul(x, Transpose(weight)))],
  ]
  const after: readonly (readonly [string, (parts: Parts) => Value])[] = [
    ['something else', ({ x, weight, tokens }) => Mul(tokens(MatMul(x, Transpose(weight))), scalar(x, 2))],
    ['a Gemm whose bias is a matrix', ({ x, weight, tokens }) => tokens(Gemm(x, weight, MatMul(x, Transpose(weight)), { transB: 1 }))],
    ['a Gemm of columns', ({ x, weight, tokens }) => tokens(Gemm(Transpose(x), weight, undefined, { transA: 1, transB: 1 }))],
    ['a MatMul of tokens whose size a run alone can tell', ({ x, weight, tokens }) => MatMul(Reshape(tokens(x), Cast(Cast(Shape(tokens(x)), { to: 'float32' }), { to: 'int64' })), Transpose(weight))],
    ['a sum of two matrices', ({ x, weight, tokens }) => tokens(Add(MatMul(x, Transpose(weight)), MatMul(x, Transpose(weight))))],
  ]

  it.each([...before, ...after])('are the softmax of their rows, behind %s', async (_, head) => {
    const graph = graphOf(head)
    const logits = await run(graph)
    const positions = [5, 0, 3]
    const scores = await run(appendMaskScores(graph, 'model'), positions)
    const expected = positions.flatMap((position) => softmax(logits.subarray(position * VOCABULARY, (position + 1) * VOCABULARY)))
    expect(Math.max(...expected.map((score, index) => Math.abs(score - scores[index]!)))).toBeLessThan(1e-6)
  })

  it.each(before)('are computed for masks alone, behind %s', (_, head) => {
    const graph = appendMaskScores(graphOf(head), 'model')
    expect(graph.outputs).toEqual([{ name: MASK_SCORES, dtype: 'float32', shape: ['masks', VOCABULARY] }])
    expect(new Set(scored(graph))).toEqual(new Set(['masks']))
  })

  it('are refused where there are no scores of tokens', () => {
    expect(() => appendMaskScores(graphOf(({ x }) => x), 'model')).toThrow("model has a graph that does not make 'logits', float32, [batch, sequence, vocabulary]")
  })
})
