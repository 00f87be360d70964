import { InvalidGraphError, ShapeMismatchError, type Dimension } from '@tenon/core'
import { exactQuotient, sum } from '../dimension.js'
import { integers } from '../literals.js'
import { defineOp, type FilledAttributes, type Value, type ValueType } from '../op.js'
import { eightBits, matmulShape, sameSize } from '../shapes.js'
import { MultiHeadAttention } from './attention.js'
import { additiveMask, insideTexts } from './attention-mask.js'
import { Add, Cast } from './elementwise.js'
import { MatMul } from './linalg.js'
import { Split } from './movement.js'
import { MatMulIntegerToFloat } from './quantization.js'

interface Heads {
  readonly num_heads?: number | undefined
  readonly qkv_hidden_sizes?: readonly number[] | undefined
}

/** Sizes of queries, keys and values, which lie one behind another. */
function partsOf(op: string, packed: Dimension, { num_heads: heads, qkv_hidden_sizes: given }: Heads): readonly Dimension[] {
  const third = exactQuotient(packed, 3)
  const parts = given ?? (third === undefined ? [] : [third, third, third])
  const fits = parts.length === 3 && parts.every((part) => typeof part !== 'number' || (part > 0 && Number.isInteger(part / (heads ?? 0))))
  if (!fits) throw new ShapeMismatchError({ op, expected: `queries, keys and values that ${heads} heads share`, actual: `${packed}` })
  sameSize(op, 'weights of', parts.reduce(sum), packed)
  return parts
}

function attended(op: string, input: ValueType, weights: ValueType, past: ValueType | undefined, attributes: Heads): readonly Dimension[] {
  if (past !== undefined) throw new InvalidGraphError({ graph: op, problem: `${op} with past keys is not modelled here`, remedy: 'Export the model as an encoder, without a cache' })
  if (input.shape.length !== 3 || weights.shape.length !== 2) throw new ShapeMismatchError({ op, expected: '[batch, sequence, hidden] and weights of [hidden, packed]', actual: `[${input.shape.join(', ')}] and [${weights.shape.join(', ')}]` })
  const [batch, sequence, packed] = matmulShape(op, input, weights)
  return [batch!, sequence!, partsOf(op, packed!, attributes)[2]!]
}

type Masking = FilledAttributes<typeof MultiHeadAttention.attributes>

function attend(op: string, packed: Value, mask: Value | undefined, bias: Value | undefined, parts: readonly Dimension[], { num_heads, scale, mask_filter_value: filler, unidirectional }: Masking): Value {
  if (parts.some((part) => typeof part !== 'number')) throw new ShapeMismatchError({ op, expected: 'hidden sizes known ahead', actual: [...parts] })
  const [query, key, value] = packed.builder.emit(Split, [packed, integers(packed, parts as readonly number[])], { axis: 2 }, 3) as [Value, Value, Value]
  const padding = mask?.shape.length === 1 ? Cast(insideTexts(mask, packed), { to: 'int32' }) : mask?.shape.length === 2 ? mask : undefined
  const biases = [mask && !padding ? additiveMask(op, mask, packed, packed, filler) : undefined, bias].filter((each) => each !== undefined)
  return MultiHeadAttention(query, key, value, undefined, padding, biases.length === 0 ? undefined : biases.reduce((a, b) => Add(a, b)), { num_heads: num_heads!, ...(scale !== undefined && { scale }), mask_filter_value: filler, unidirectional })
}

/**
 * MultiHeadAttention over projections that are made here: input · weights + bias, queries, keys and values one behind
 * another. `mask_index` tells of padding in one of several forms (see attention-mask.ts). Past keys are not modelled.
 */
export const Attention = defineOp('com.microsoft::Attention', {
  since: 1,
  inputs: ['input', 'weights', 'bias?', 'mask_index?', 'past?', 'attention_bias?'],
  outputs: ['output'],
  attributes: { ...MultiHeadAttention.attributes, qkv_hidden_sizes: { type: 'ints' } },
  infer: ([input, weights, , , past], attributes) => ({ dtype: input.dtype, shape: attended('Attention', input, weights, past, attributes) }),
  decompose: ([input, weights, bias, mask, , added], attributes) => {
    const multiplied = MatMul(input, weights)
    const packed = bias === undefined ? multiplied : Add(multiplied, bias)
    return attend('Attention', packed, mask, added, partsOf('Attention', weights.shape[1]!, attributes), attributes)
  },
})

/** Attention with its projections multiplied in 8-bit integers. */
export const QAttention = defineOp('com.microsoft::QAttention', {
  since: 1,
  inputs: ['input', 'weight', 'bias', 'input_scale', 'weight_scale', 'mask_index?', 'input_zero_point?', 'weight_zero_point?', 'past?'],
  outputs: ['output'],
  attributes: MultiHeadAttention.attributes,
  infer: ([input, weights, bias, , , , , , past], attributes) => {
    eightBits('QAttention', input, weights)
    return { dtype: bias.dtype, shape: attended('QAttention', input, weights, past, attributes) }
  },
  decompose: ([input, weights, bias, inputScale, scale, mask, inputZero, zero], attributes) => {
    const packed = MatMulIntegerToFloat(input, weights, inputScale, scale, inputZero, zero, bias)
    return attend('QAttention', packed, mask, undefined, partsOf('QAttention', weights.shape[1]!, attributes), attributes)
  },
})
