import { TypeMismatchError } from '@tenon/core'
import { scalar } from '../literals.js'
import { defineOp, type Value, type ValueType } from '../op.js'
import { gemmShape, matmulShape, sameType } from '../shapes.js'
import { Elu, HardSigmoid, LeakyRelu, Softplus } from './activation.js'
import { Add, Mul, Relu, Sigmoid, Tanh } from './elementwise.js'
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
    return { dtype: a.dtype, shape: gemmShape('Gemm', a, b, c, { transA, transB }) }
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

interface MatMulTransposes {
  readonly transA: number
  readonly transB: number
  readonly transBatchA: number
  readonly transBatchB: number
}

/** How a factor's dimensions are ordered before it is multiplied; none for vectors, which are not turned. */
function turnOf(rank: number, transpose: number, batches: number): number[] | undefined {
  if (rank < 2 || (!transpose && !batches)) return undefined
  const axes = Array.from({ length: rank }, (_, axis) => axis)
  // With its batches transposed, a factor is [rows, …batch, columns].
  const [batch, rows, columns] = batches ? [axes.slice(1, -1), 0, rank - 1] : [axes.slice(0, -2), rank - 2, rank - 1]
  return transpose ? [...batch, columns, rows] : [...batch, rows, columns]
}

const turnsOf = (a: ValueType, b: ValueType, { transA, transB, transBatchA, transBatchB }: MatMulTransposes) => [turnOf(a.shape.length, transA, transBatchA), turnOf(b.shape.length, transB, transBatchB)] as const

const turnedType = (x: ValueType, turn: readonly number[] | undefined): ValueType => (turn === undefined ? x : { dtype: x.dtype, shape: turn.map((axis) => x.shape[axis]!) })

/** alpha · A' · B', where ' transposes the last two dimensions as asked, or moves the first one behind the batches. */
export const FusedMatMul = defineOp('com.microsoft::FusedMatMul', {
  since: 1,
  inputs: ['A', 'B'],
  attributes: {
    alpha: { type: 'float', default: 1 },
    transA: { type: 'int', default: 0 },
    transB: { type: 'int', default: 0 },
    transBatchA: { type: 'int', default: 0 },
    transBatchB: { type: 'int', default: 0 },
  },
  infer: ([a, b], transposes) => {
    sameType('FusedMatMul', a, b)
    const [left, right] = turnsOf(a, b, transposes)
    return { dtype: a.dtype, shape: matmulShape('FusedMatMul', turnedType(a, left), turnedType(b, right)) }
  },
  decompose: ([a, b], { alpha, ...transposes }) => {
    const [left, right] = turnsOf(a, b, transposes)
    const turned = (x: Value, perm: number[] | undefined) => (perm === undefined ? x : Transpose(x, { perm }))
    const multiplied = MatMul(turned(a, left), turned(b, right))
    return alpha === 1 ? multiplied : Mul(multiplied, scalar(a, alpha))
  },
})

const activations: Readonly<Record<string, (x: Value, alpha: number | undefined, beta: number | undefined) => Value>> = {
  '': (x) => x,
  Elu: (x, alpha = 1) => Elu(x, { alpha }),
  HardSigmoid: (x, alpha = 0.2, beta = 0.5) => HardSigmoid(x, { alpha, beta }),
  LeakyRelu: (x, alpha = 0.01) => LeakyRelu(x, { alpha }),
  Relu: (x) => Relu(x),
  Sigmoid: (x) => Sigmoid(x),
  Softplus: (x) => Softplus(x),
  Tanh: (x) => Tanh(x),
}

/** Gemm with an activation behind it. */
export const FusedGemm = defineOp('com.microsoft::FusedGemm', {
  since: 1,
  inputs: ['A', 'B', 'C?'],
  attributes: {
    ...Gemm.attributes,
    activation: { type: 'string', default: '' },
    activation_alpha: { type: 'float' },
    activation_beta: { type: 'float' },
    activation_gamma: { type: 'float' },
  },
  infer: (inputs, attributes, context) => {
    if (!Object.hasOwn(activations, attributes.activation)) throw new TypeMismatchError({ op: 'FusedGemm', expected: `one of the activations ${Object.keys(activations).filter((name) => name !== '').join(', ')}`, actual: attributes.activation })
    return Gemm.infer(inputs, attributes, context)
  },
  decompose: ([a, b, c], { activation, activation_alpha: first, activation_beta: second, alpha, beta, transA, transB }) => activations[activation]!(Gemm(a, b, c, { alpha, beta, transA, transB }), first, second),
})
