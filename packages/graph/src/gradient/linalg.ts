import { integers, scalar } from '../literals.js'
import type { Value } from '../op.js'
import { Mul } from '../ops/elementwise.js'
import { Gemm, MatMul } from '../ops/linalg.js'
import { Flatten, Unsqueeze } from '../ops/movement.js'
import { rule, type NamedRule } from './rule.js'
import { inShapeOf } from './sizes.js'
import { swapped } from './transposed.js'
import { unbroadcast } from './unbroadcast.js'

/** All dimensions but the last as one. */
const rows = (x: Value): Value => (x.shape.length === 2 ? x : Flatten(x, { axis: x.shape.length - 1 }))

export const linalg: readonly NamedRule[] = [
  rule(MatMul, ({ inputs: [a, b], d }) => {
    // A vector on the left is a row, on the right a column.
    const [left, right] = [a.shape.length === 1 ? Unsqueeze(a, integers(a, [0])) : a, b.shape.length === 1 ? Unsqueeze(b, integers(b, [1])) : b]
    const added = [...(a.shape.length === 1 ? [-2] : []), ...(b.shape.length === 1 ? [-1] : [])]
    const product = added.length === 0 ? d : Unsqueeze(d, integers(d, added))
    // With a matrix on the right, all rows are multiplied as one matrix: Gemm transposes as it reads, and copies nothing.
    if (right.shape.length === 2) return [
      () => inShapeOf(Gemm(rows(product), right, undefined, { transB: 1 }), a),
      () => inShapeOf(Gemm(rows(left), rows(product), undefined, { transA: 1 }), b),
    ]
    return [
      () => inShapeOf(unbroadcast(MatMul(product, swapped(right)), left), a),
      () => unbroadcast(MatMul(swapped(left), product), b),
    ]
  }),
  rule(Gemm, ({ inputs: [a, b, c], attributes: { alpha, beta, transA, transB }, d }) => [
    () => (transA ? Gemm(b, d, undefined, { alpha, transA: transB, transB: 1 }) : Gemm(d, b, undefined, { alpha, transB: transB ? 0 : 1 })),
    () => (transB ? Gemm(d, a, undefined, { alpha, transA: 1, transB: transA }) : Gemm(a, d, undefined, { alpha, transA: transA ? 0 : 1 })),
    c && (() => (beta === 1 ? unbroadcast(d, c) : Mul(unbroadcast(d, c), scalar(c, beta)))),
  ]),
]
