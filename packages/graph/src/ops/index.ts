import type { AttributesOf, OpDefinition, OpTable } from '../op.js'
import * as attention from './attention.js'
import * as elementwise from './elementwise.js'
import * as linalg from './linalg.js'
import * as movement from './movement.js'
import * as normalization from './normalization.js'
import * as quantization from './quantization.js'
import * as reduction from './reduction.js'

export { MultiHeadAttention } from './attention.js'
export { Add, Sub, Mul, Div, Max, Min, Pow, Abs, Neg, Sqrt, Reciprocal, Exp, Log, Tanh, Sigmoid, Relu, Sin, Cos, Floor, Erf, Equal, Greater, GreaterOrEqual, Less, LessOrEqual, And, Or, Not, Where, Clip, Cast, Gelu, QuickGelu } from './elementwise.js'
export { MatMul, Gemm } from './linalg.js'
export { Identity, Shape, Reshape, Flatten, Transpose, Unsqueeze, Squeeze, Expand, ConstantOfShape, Range, Concat, Split, Slice, Gather, GatherElements, Tile } from './movement.js'
export { Softmax, LogSoftmax, LayerNormalization, SkipLayerNormalization } from './normalization.js'
export { DequantizeLinear, QuantizeLinear, DynamicQuantizeLinear, MatMulInteger, DynamicQuantizeMatMul, MatMulIntegerToFloat } from './quantization.js'
export { ReduceSum, ReduceMean, ReduceMax, ReduceMin, ReduceL2, ArgMax } from './reduction.js'

const families = { attention, elementwise, linalg, movement, normalization, quantization, reduction }

type Families = typeof families
type StandardOp = { [F in keyof Families]: Families[F][keyof Families[F]] }[keyof Families]
type StandardAttributes = { [O in StandardOp as O['op']]: AttributesOf<O['attributes']> }

declare module '@tenon/core' {
  interface OpAttributes extends StandardAttributes {}
}

/** Every operator defined here, by name. Add one's own with `new Map([...standardOps, [MyOp.op, MyOp]])`. */
export const standardOps: OpTable = new Map(Object.values(families).flatMap((family) => Object.values(family) as unknown as OpDefinition[]).map((definition) => [definition.op, definition]))
