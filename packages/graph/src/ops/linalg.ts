import { ShapeMismatchError } from '@tenon/core'
import { scalar } from '../literals.js'
import { defineOp } from '../op.js'
import { broadcast, matmulShape, sameSize, sameType } from '../shapes.js'
import { Add, Mul } from './elementwise.js'
import { Transpose } from './movement.js'

export const MatMul = defineOp('MatMul', {
  since: 13,
  inputs: ['A', 'B'],
  infer: ([a, b]) => {
    sameType('MatMul', a, b)
    return { dtype: a.dtype, shape: matmulShape('MatMul', a, b) }
  },
})

/** alpha · A' · B' + beta · C for matrices, where ' transposes as asked. With `transB` it is a linear layer over the weight as PyTorch stores it. */
export const Gemm = defineOp('Gemm', {
  since: 13,
  inputs: ['A', 'B', 'C?'],
  attributes: {
    alpha: { type: 'float', default: 1 },
    beta: { type: 'float', default: 1 },
    transA: { type: 'int', default: 0 },
    transB: { type: 'int', default: 0 },
  },
  infer: ([a, b, c], { transA, transB }) => {
    sameType('Gemm', a, b, c)
    for (const { shape } of [a, b]) if (shape.length !== 2) throw new ShapeMismatchError({ op: 'Gemm', expected: 'matrices', actual: shape })
    const [rows, inner] = transA ? a.shape.toReversed() : a.shape
    const [other, columns] = transB ? b.shape.toReversed() : b.shape
    sameSize('Gemm', 'an inner size of', inner!, other!)
    const shape = [rows!, columns!]
    if (c !== undefined) broadcast('Gemm', shape, c.shape)
    return { dtype: a.dtype, shape }
  },
  decompose: ([a, b, c], { alpha, beta, transA, transB }) => {
    const left = transA ? Transpose(a, { perm: [1, 0] }) : a
    const right = transB ? Transpose(b, { perm: [1, 0] }) : b
    const multiplied = MatMul(left, right)
    const scaled = alpha === 1 ? multiplied : Mul(multiplied, scalar(a, alpha))
    if (c === undefined) return scaled
    return Add(scaled, beta === 1 ? c : Mul(c, scalar(a, beta)))
  },
})

