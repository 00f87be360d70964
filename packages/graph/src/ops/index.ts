import type { AttributesOf, OpDefinition, OpTable } from '../op.js'
import * as activation from './activation.js'
import * as attention from './attention.js'
import * as convolution from './convolution.js'
import * as einsum from './einsum.js'
import * as elementwise from './elementwise.js'
import * as embedding from './embedding.js'
import * as groupedQueryAttention from './grouped-query-attention.js'
import * as indexing from './indexing.js'
import * as integerArithmetic from './integer-arithmetic.js'
import * as linalg from './linalg.js'
import * as mixtureOfExperts from './mixture-of-experts.js'
import * as movement from './movement.js'
import * as normalization from './normalization.js'
import * as packedAttention from './packed-attention.js'
import * as quantization from './quantization.js'
import * as reduction from './reduction.js'
import * as weightOnly from './weight-only.js'

export { Elu, HardSigmoid, HardSwish, LeakyRelu, Mish, Softplus } from './activation.js'
export { MultiHeadAttention, RotaryEmbedding } from './attention.js'
export { Conv } from './convolution.js'
export { Einsum } from './einsum.js'
export { Add, Sub, Mul, Div, Max, Min, Sum, Mean, Mod, Pow, Abs, Neg, Sqrt, Reciprocal, Exp, Log, Tanh, Sigmoid, Relu, Sin, Cos, Floor, Ceil, Round, Sign, IsNaN, IsInf, Erf, Equal, Greater, GreaterOrEqual, Less, LessOrEqual, And, Or, Xor, Not, Where, Clip, Cast, Gelu, QuickGelu } from './elementwise.js'
export { GroupQueryAttention } from './grouped-query-attention.js'
export { GatherND, NonZero, OneHot, Pad, ScatterElements, ScatterND, Size, TopK, Trilu } from './indexing.js'
export { MatMul, Gemm } from './linalg.js'
export { MoE } from './mixture-of-experts.js'
export { Identity, Shape, Reshape, Flatten, Transpose, Unsqueeze, Squeeze, Expand, ConstantOfShape, Range, Concat, Split, Slice, Gather, GatherElements, Tile } from './movement.js'
export { Softmax, LogSoftmax, LayerNormalization, BatchNormalization, SimplifiedLayerNormalization, SkipLayerNormalization, SkipSimplifiedLayerNormalization } from './normalization.js'
export { DequantizeLinear, QuantizeLinear, DynamicQuantizeLinear, MatMulInteger, DynamicQuantizeMatMul, MatMulIntegerToFloat } from './quantization.js'
export { ReduceSum, ReduceMean, ReduceMax, ReduceMin, ReduceProd, ReduceL1, ReduceL2, ReduceSumSquare, ReduceLogSum, ReduceLogSumExp, ArgMax, ArgMin, CumSum } from './reduction.js'
export { GatherBlockQuantized, MatMulNBits } from './weight-only.js'

const families = { activation, attention, convolution, einsum, elementwise, embedding, groupedQueryAttention, indexing, integerArithmetic, linalg, mixtureOfExperts, movement, normalization, packedAttention, quantization, reduction, weightOnly }

type Families = typeof families
type StandardOp = { [F in keyof Families]: Families[F][keyof Families[F]] }[keyof Families]
type StandardAttributes = { [O in StandardOp as O['op']]: AttributesOf<O['attributes']> }

declare module '@tenon/core' {
  interface OpAttributes extends StandardAttributes {}
}

/** Every operator defined here, by name. Add one's own with `new Map([...standardOps, [MyOp.op, MyOp]])`. */
export const standardOps: OpTable = new Map(Object.values(families).flatMap((family) => Object.values(family) as unknown as OpDefinition[]).map((definition) => [definition.op, definition]))
