import { describe } from 'vitest'
import { integers, scalar } from '../literals.js'
import type { Value } from '../op.js'
import { Conv } from '../ops/convolution.js'
import { Einsum } from '../ops/einsum.js'
import { Div, Gelu, Mul, Pow, Sigmoid, Tanh } from '../ops/elementwise.js'
import { Pad } from '../ops/indexing.js'
import { Gemm, MatMul } from '../ops/linalg.js'
import { Concat, Gather, Slice, Split } from '../ops/movement.js'
import { LayerNormalization, LogSoftmax, SimplifiedLayerNormalization, Softmax } from '../ops/normalization.js'
import { ReduceL2, ReduceLogSumExp, ReduceMean, ReduceSum } from '../ops/reduction.js'
import { tensorOf } from '../test-support.js'
import { gradients } from './gradients.js'
import { agreeWithDifferences, numbers, type Differentiable } from './test-finite-differences.js'

/** How the gradients of Σ f² vary: the second derivatives, in one direction. */
const slopes = (y: Value, ...inputs: Value[]) => gradients(ReduceSum(Mul(y, y), undefined, { keepdims: 0 }), inputs)

const unary = (compute: (x: Value) => Value, shape: readonly number[] = [2, 4]): Differentiable => ({ feeds: { x: numbers('float64', shape, 3) }, build: ({ x }) => slopes(compute(x!), x!), fixed: { x: shape.map((_, axis) => axis).slice(1) } })
const binary = (compute: (a: Value, b: Value) => Value, a: readonly number[], b: readonly number[], dtype: 'float32' | 'float64' = 'float64'): Differentiable => ({ feeds: { a: numbers(dtype, a, 1), b: numbers(dtype, b, 2) }, build: ({ a: left, b: right }) => slopes(compute(left!, right!), left!, right!), fixed: true })

describe('gradients of gradients', () => {
  agreeWithDifferences({
    Tanh: unary(Tanh),
    Sigmoid: unary(Sigmoid),
    'Gelu by tanh': unary((x) => Gelu(x, { approximate: 'tanh' })),
    Softmax: unary((x) => Softmax(x)),
    LogSoftmax: unary((x) => LogSoftmax(x, { axis: 0 })),
    ReduceMean: unary((x) => ReduceMean(x, integers(x, [1]))),
    ReduceL2: unary((x) => ReduceL2(x, integers(x, [0]))),
    ReduceLogSumExp: unary((x) => ReduceLogSumExp(x, integers(x, [1]), { keepdims: 0 })),
    'Slice with steps': unary((x) => Slice(x, integers(x, [-1]), integers(x, [-9]), integers(x, [1]), integers(x, [-2]))),
    'Split and Concat': unary((x) => Concat([...x.builder.emit(Split as never, [x], { axis: 1, num_outputs: 2 }, 2), x], { axis: 1 })),
    'Pad with the edge': unary((x) => Pad(x, integers(x, [1, 2]), undefined, integers(x, [1]), { mode: 'edge' })),
    Gather: { feeds: { x: numbers('float64', [3, 2]), ids: tensorOf('int64', [2, 2], [2, 0, 2, 1]) }, build: ({ x, ids }) => slopes(Gather(x!, ids!), x!) },
    MatMul: binary(MatMul, [2, 2, 3], [2, 3, 2]),
    Gemm: binary((a, b) => Gemm(a, b, undefined, { alpha: 0.5, transB: 1 }), [2, 3], [2, 3]),
    Einsum: binary((a, b) => Einsum([a, b], { equation: 'bij,bkj->bk' }), [2, 2, 3], [2, 2, 3]),
    Div: binary((a, b) => Div(a, Pow(b, scalar(b, 2))), [2, 3], [3]),
    LayerNormalization: binary((x, scale) => LayerNormalization(x, scale, undefined, { epsilon: 0.1 }), [2, 4], [4]),
    'LayerNormalization of float32': binary((x, scale) => LayerNormalization(x, scale, undefined, { epsilon: 0.5 }), [2, 4], [4], 'float32'),
    SimplifiedLayerNormalization: binary((x, scale) => SimplifiedLayerNormalization(x, scale, { epsilon: 0.1 }), [2, 4], [4]),
    Conv: binary((x, w) => Conv(x, w, undefined, { strides: [2], pads: [1, 0] }), [1, 2, 5], [2, 2, 2], 'float32'),
  })
})
