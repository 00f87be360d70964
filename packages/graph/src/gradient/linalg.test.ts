import { describe } from 'vitest'
import type { Value } from '../op.js'
import { FusedGemm, FusedMatMul, Gemm, MatMul } from '../ops/linalg.js'
import { Transpose } from '../ops/movement.js'
import { agreeWithDifferences, numbers, type Differentiable } from './test-finite-differences.js'

const product = (a: readonly number[], b: readonly number[], compute: (a: Value, b: Value) => Value = MatMul): Differentiable => ({ feeds: { a: numbers('float64', a, 1), b: numbers('float64', b, 2) }, build: ({ a: left, b: right }) => compute(left!, right!) })
const gemm = (attributes: { alpha?: number; beta?: number; transA?: number; transB?: number }, c: readonly number[] = [2, 4]): Differentiable => ({
  feeds: { a: numbers('float64', attributes.transA ? [3, 2] : [2, 3], 1), b: numbers('float64', attributes.transB ? [4, 3] : [3, 4], 2), c: numbers('float64', c, 3) },
  build: ({ a, b, c: added }) => Gemm(a!, b!, added, attributes),
})

describe('gradients of linear algebra', () => {
  agreeWithDifferences({
    'MatMul of matrices': product([2, 3], [3, 4]),
    'MatMul of a batch and a matrix': product([2, 3, 4], [4, 2]),
    'MatMul of batches of batches and a matrix': product([2, 1, 2, 3], [3, 2]),
    'MatMul of batches': product([2, 2, 3], [2, 3, 2]),
    'MatMul of batches that broadcast': product([2, 1, 2, 3], [3, 3, 2]),
    'MatMul of a matrix and a batch': product([2, 3], [2, 3, 2]),
    'MatMul of batches of one': product([1, 2, 3], [2, 3, 1]),
    'MatMul of vectors': product([3], [3]),
    'MatMul of a vector and a matrix': product([3], [3, 2]),
    'MatMul of a matrix and a vector': product([2, 3], [3]),
    'MatMul of a vector and a batch': product([3], [2, 3, 2]),
    'MatMul of a batch and a vector': product([2, 2, 3], [3]),
    'MatMul with itself, transposed': { feeds: { a: numbers('float64', [2, 2, 3]) }, build: ({ a }) => MatMul(a!, Transpose(a!, { perm: [0, 2, 1] })) },
    'MatMul of what was turned before': product([2, 3, 2, 2], [2, 3, 2, 2], (a, b) => MatMul(Transpose(a, { perm: [0, 2, 1, 3] }), Transpose(b, { perm: [2, 0, 3, 1] }))),
    Gemm: gemm({}),
    'Gemm with a row added': gemm({ transB: 1 }, [4]),
    'Gemm with a column added': gemm({ transA: 1 }, [2, 1]),
    'Gemm with a scalar added': gemm({ transA: 1, transB: 1 }, []),
    'Gemm with factors': gemm({ alpha: 0.5, beta: 2 }, [1, 4]),
    'Gemm with factors, both transposed': gemm({ alpha: 1.5, beta: -0.5, transA: 1, transB: 1 }, [1]),
    'Gemm with a factor, one transposed': gemm({ alpha: 1.5, transA: 1 }, [4]),
    'Gemm without an addend': product([2, 3], [4, 3], (a, b) => Gemm(a, b, undefined, { transB: 1 })),
    'Gemm with itself': { feeds: { a: numbers('float64', [3, 3]) }, build: ({ a }) => Gemm(a!, a!, a) },
    FusedMatMul: product([2, 3, 2], [2, 4, 3], (a, b) => FusedMatMul(a, b, { alpha: 0.5, transA: 1, transB: 1 })),
    'FusedMatMul with its batches transposed': product([3, 2, 2], [2, 2, 4], (a, b) => FusedMatMul(a, b, { transBatchA: 1 })),
    FusedGemm: product([2, 3], [4, 3], (a, b) => FusedGemm(a, b, undefined, { transB: 1, activation: 'Tanh' })),
  })
})
