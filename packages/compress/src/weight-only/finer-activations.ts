import { inlineConstant, type Graph } from '@tenon/core'
import { integers, rewrite, type GraphBuilder, type Value } from '@tenon/graph'
import { Add, Concat, MatMulNBits, ReduceSum, Reshape, Sub } from '@tenon/graph/ops'

/** MatMulNBits rounds its input to 8 bits, block by block, and multiplies integers. */
export const INT8_ACTIVATIONS = 4
/** It multiplies floats. */
const FLOAT_ACTIVATIONS = 1

/**
 * Products that round their input to 8 bits get it in two parts: what 8 bits hold, and what they leave, which is rounded to 8 bits in
 * turn. Both are rows of one product, so that weights are read once and by the same quick kernels. Float products would be no
 * slower on long prompts, but for few rows ONNX Runtime's CPU provider widens all weights at every step (8 bits: for one row too).
 */
export function finerActivations(graph: Graph): Graph {
  const parts = new Map<Value, Map<string, Value>>()
  const units = new Map<string, readonly [Value, Value]>()
  return rewrite(graph, ({ node, inputs, builder }) => {
    if (node.op !== MatMulNBits.op || node.attributes['accuracy_level'] !== INT8_ACTIVATIONS) return undefined
    const [x, codes, scales, zeroPoints, groups, bias] = inputs as [Value, Value, Value, Value?, Value?, Value?]
    const attributes = node.attributes as { readonly K: number; readonly N: number; readonly bits: number; readonly block_size: number }
    const format = { bits: attributes.bits, size: attributes.block_size }
    // Rows that end within a block, or whose blocks are in another order, cannot be taken apart block by block.
    if (attributes.K % format.size !== 0 || groups !== undefined) return MatMulNBits(x, codes, scales, zeroPoints, groups, bias, { ...attributes, accuracy_level: FLOAT_ACTIVATIONS })
    const key = `${format.bits} bits in blocks of ${format.size}`
    const known = parts.get(x) ?? new Map<string, Value>()
    parts.set(x, known)
    const unit = units.get(key) ?? unitMatrix(builder, key, format)
    units.set(key, unit)
    const both = known.get(key) ?? inTwoParts(x, unit, format)
    known.set(key, both)
    const products = MatMulNBits(both, codes, scales, zeroPoints, undefined, undefined, { ...attributes, accuracy_level: INT8_ACTIVATIONS }) // [rows, 2, N]
    const sum = ReduceSum(products, integers(products, [-2]), { keepdims: 0 })
    return bias === undefined ? sum : Add(sum, bias)
  })
}

interface Format {
  readonly bits: number
  readonly size: number
}

/** [rows, K] → [rows, 2, K]. The product's own rounding is had from it by the unit matrix, a block at a time. */
function inTwoParts(x: Value, [codes, scales]: readonly [Value, Value], { bits, size }: Format): Value {
  const inner = x.shape.at(-1) as number
  const leading = x.shape.slice(0, -1).map(() => 0) // as they are
  const blocks = Reshape(x, integers(x, [...leading, inner / size, size]))
  const rounded = MatMulNBits(blocks, codes, scales, undefined, undefined, undefined, { K: size, N: size, bits, block_size: size, accuracy_level: INT8_ACTIVATIONS })
  const row = integers(x, [...leading, 1, inner])
  const held = Reshape(rounded, row)
  return Concat([held, Sub(Reshape(x, row), held)], { axis: x.shape.length - 1 })
}

/** In the format of the weights that it stands beside, so that the same kernel rounds. */
function unitMatrix(builder: GraphBuilder, name: string, { bits, size }: Format): readonly [Value, Value] {
  const [perByte, zero] = [8 / bits, 2 ** (bits - 1)]
  const codes = new Uint8Array((size * size) / perByte)
  for (let index = 0; index < size * size; index++) codes[Math.floor(index / perByte)]! |= (index % (size + 1) === 0 ? zero + 1 : zero) << (bits * (index % perByte))
  return [
    builder.constant(inlineConstant('uint8', [size, 1, size / perByte], codes), `unit matrix of ${name}`),
    builder.constant(inlineConstant('float32', [size, 1], new Float32Array(size).fill(1)), `unit matrix of ${name}: scales`),
  ]
}
