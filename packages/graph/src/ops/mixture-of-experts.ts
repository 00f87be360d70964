import { ShapeMismatchError, type Dimension } from '@tenon/core'
import { integer, integers, scalar } from '../literals.js'
import { defineOp, type Value } from '../op.js'
import { sameSize, sameType } from '../shapes.js'
import { Add, Cast, Clip, Div, Mul, QuickGelu, Relu } from './elementwise.js'
import { OneHot, TopK } from './indexing.js'
import { MatMul } from './linalg.js'
import { Concat, Reshape, Shape, Slice, Transpose, Unsqueeze } from './movement.js'
import { Softmax } from './normalization.js'
import { ReduceSum } from './reduction.js'

const OP = 'MoE'

/** What is between the two layers of an expert. */
const activations: Readonly<Record<string, (x: Value, attributes: Gating) => Value>> = {
  relu: (x) => Relu(x),
  silu: (x) => QuickGelu(x, { alpha: 1 }),
  identity: (x) => x,
  swiglu: gated,
}

interface Gating {
  readonly activation_alpha: number
  readonly activation_beta: number
  readonly swiglu_limit?: number | undefined
}

/**
 * Each row goes through the `k` of some experts that its scores are highest for, and gets the sum of what they make of it, weighted by the softmax of the
 * scores; those weights sum to 1 where they are normalised. An expert is two layers with an activation between: input is [rows, hidden] or
 * [batch, sequence, hidden], router_probs are scores [rows, experts], fc1 is [experts, inner, hidden] and fc2 [experts, hidden, inner]. With
 * `swiglu` fc1 has twice as many rows, a gate and what it lets through in turn (`swiglu_fusion` 1). A third layer is not modelled here.
 */
export const MoE = defineOp('com.microsoft::MoE', {
  since: 1,
  inputs: ['input', 'router_probs', 'fc1_experts_weights', 'fc1_experts_bias?', 'fc2_experts_weights', 'fc2_experts_bias?'],
  outputs: ['output'],
  attributes: {
    activation_type: { type: 'string', default: 'relu' },
    activation_alpha: { type: 'float', default: 1 },
    activation_beta: { type: 'float', default: 0 },
    k: { type: 'int', default: 1 },
    normalize_routing_weights: { type: 'int', default: 0 },
    swiglu_fusion: { type: 'int', default: 0 },
    swiglu_limit: { type: 'float' },
  },
  infer: ([input, scores, first, firstBias, second, secondBias], { activation_type: activation, swiglu_fusion: fusion, k }) => {
    sameType(OP, input, scores, first, firstBias, second, secondBias)
    if (!Object.hasOwn(activations, activation)) throw new ShapeMismatchError({ op: OP, expected: `one of the activations ${Object.keys(activations).join(', ')}`, actual: activation })
    if ((activation === 'swiglu') !== (fusion === 1)) throw new ShapeMismatchError({ op: OP, expected: 'swiglu_fusion 1 with swiglu, and 0 else', actual: `${fusion} with ${activation}` })
    if ((input.shape.length !== 2 && input.shape.length !== 3) || scores.shape.length !== 2) throw new ShapeMismatchError({ op: OP, expected: 'input of [rows, hidden] or [batch, sequence, hidden], and router_probs of [rows, experts]', actual: input.shape })
    for (const weights of [first, second]) if (weights.shape.length !== 3) throw new ShapeMismatchError({ op: OP, expected: 'weights of three dimensions, the first of which is experts', actual: weights.shape })
    const [experts, hidden, inner] = [first.shape[0]!, input.shape.at(-1)!, second.shape[2]!]
    const rows = typeof inner === 'number' && fusion === 1 ? 2 * inner : inner
    const expected: readonly (readonly [string, Dimension, Dimension | undefined])[] = [
      ['scores for as many experts as there are,', experts, scores.shape[1]],
      ['as many second layers as experts,', experts, second.shape[0]],
      ['first layers that take', hidden, first.shape[2]],
      ['first layers that give', fusion === 1 && typeof inner !== 'number' ? first.shape[1]! : rows, first.shape[1]],
      ['second layers that give', hidden, second.shape[1]],
      ...(firstBias === undefined ? [] : [['biases of as many first layers,', experts, firstBias.shape[0]] as const, ['biases of size', first.shape[1]!, firstBias.shape[1]] as const]),
      ...(secondBias === undefined ? [] : [['biases of as many second layers,', experts, secondBias.shape[0]] as const, ['biases of size', hidden, secondBias.shape[1]] as const]),
    ]
    for (const [what, size, actual] of expected) sameSize(OP, what, size, actual!)
    if (k < 1 || (typeof experts === 'number' && k > experts)) throw new ShapeMismatchError({ op: OP, expected: 'a k of one expert up to all', actual: `${k} of ${experts}` })
    return { dtype: input.dtype, shape: input.shape }
  },
  decompose: ([input, scores, first, firstBias, second, secondBias], { activation_type: activation, k, normalize_routing_weights: isNormalised, ...gating }) => {
    const x = Reshape(input, Concat([integers(input, [1, -1]), Shape(input, { start: -1 })], { axis: 0 })) // [1, rows, hidden]
    const layer = (rows: Value, weights: Value, bias: Value | undefined) => {
      const product = MatMul(rows, Transpose(weights, { perm: [0, 2, 1] })) // [experts, rows, out]
      return bias === undefined ? product : Add(product, Unsqueeze(bias, integers(bias, [1])))
    }
    const inner = activations[activation]!(layer(x, first, firstBias), gating)
    // Every expert sees every row here: those that were not chosen weigh nothing.
    const weights = Unsqueeze(Transpose(routed(scores, k, isNormalised === 1), { perm: [1, 0] }), integers(scores, [2])) // [experts, rows, 1]
    const sum = ReduceSum(Mul(layer(inner, second, secondBias), weights), integers(input, [0]), { keepdims: 0 }) // [rows, hidden]
    return Reshape(sum, Shape(input))
  },
})

/** What each expert weighs in each row: [rows, experts] */
function routed(scores: Value, k: number, isNormalised: boolean): Value {
  const probabilities = Softmax(scores)
  const [, chosen] = scores.builder.emit(TopK, [probabilities, integers(scores, [k])], {}, 2) as [Value, Value] // [rows, k]
  const hot = ReduceSum(OneHot(chosen, integer(scores, expertsOf(scores)), integers(scores, [0, 1])), integers(scores, [1]), { keepdims: 0 }) // [rows, experts]
  const kept = Mul(probabilities, Cast(hot, { to: scores.dtype }))
  return isNormalised ? Div(kept, ReduceSum(kept, integers(scores, [1]))) : kept
}

function expertsOf(scores: Value): number {
  const experts = scores.shape[1]
  if (typeof experts !== 'number') throw new ShapeMismatchError({ op: OP, expected: 'a number of experts known ahead', actual: scores.shape })
  return experts
}

/** gate · sigmoid(alpha · gate) · (linear + beta), of numbers that take turns: [..., 2 · inner] → [..., inner] */
function gated(x: Value, { activation_alpha: alpha, activation_beta: beta, swiglu_limit: limit }: Gating): Value {
  const every = (start: number) => Slice(x, integers(x, [start]), integers(x, [Number.MAX_SAFE_INTEGER]), integers(x, [-1]), integers(x, [2]))
  const [gate, linear] = limit === undefined ? [every(0), every(1)] : [Clip(every(0), undefined, scalar(x, limit)), Clip(every(1), scalar(x, -limit), scalar(x, limit))]
  return Mul(QuickGelu(gate, { alpha }), beta === 0 ? linear : Add(linear, scalar(x, beta)))
}
