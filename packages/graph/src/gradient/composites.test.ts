import type { Attribute } from '@tenon/core'
import { describe } from 'vitest'
import type { OpDefinition, Value } from '../op.js'
import { MultiHeadAttention, RotaryEmbedding } from '../ops/attention.js'
import { EmbedLayerNormalization } from '../ops/embedding.js'
import { MoE } from '../ops/mixture-of-experts.js'
import { Attention } from '../ops/packed-attention.js'
import { MatMulNBits } from '../ops/weight-only.js'
import { tensorOf } from '../test-support.js'
import { agreeWithDifferences, numbers } from './test-finite-differences.js'

/** A node by its inputs, however many more it may take. */
const emit = (definition: { readonly op: string }, inputs: readonly (Value | undefined)[], attributes: Record<string, Attribute>): Value => inputs[0]!.builder.emit(definition as OpDefinition, inputs, attributes)[0]!

describe('gradients of composites, through their decompositions', () => {
  agreeWithDifferences({
    MultiHeadAttention: {
      feeds: { q: numbers('float64', [2, 3, 4], 1), k: numbers('float64', [2, 3, 4], 2), v: numbers('float64', [2, 3, 4], 3), bias: numbers('float64', [12], 4), mask: tensorOf('int32', [2, 3], [1, 1, 1, 1, 1, 0]) },
      build: ({ q, k, v, bias, mask }) => emit(MultiHeadAttention, [q, k, v, bias, mask], { num_heads: 2, mask_filter_value: -30 }),
      fixed: { q: [2], k: [2], v: [2], bias: [0], mask: [0, 1] },
    },
    'MultiHeadAttention of a value to itself, causal, with a bias of positions': {
      feeds: { x: numbers('float64', [2, 3, 4], 1), positions: numbers('float64', [1, 2, 3, 3], 2) },
      build: ({ x, positions }) => emit(MultiHeadAttention, [x, x, x, undefined, undefined, positions], { num_heads: 2, unidirectional: 1, mask_filter_value: -30 }),
      fixed: { x: [2], positions: [0, 1] },
    },
    Attention: {
      feeds: { x: numbers('float64', [1, 3, 4], 1), w: numbers('float64', [4, 12], 2), bias: numbers('float64', [12], 3) },
      build: ({ x, w, bias }) => emit(Attention, [x, w, bias], { num_heads: 2 }),
      fixed: { x: [2], w: [0, 1], bias: [0] },
    },
    RotaryEmbedding: {
      feeds: { x: numbers('float64', [2, 3, 8], 1), positions: tensorOf('int64', [2, 3], [0, 1, 2, 2, 3, 4]), cos: numbers('float64', [5, 2], 2), sin: numbers('float64', [5, 2], 3) },
      build: ({ x, positions, cos, sin }) => emit(RotaryEmbedding, [x, positions, cos, sin], { num_heads: 2 }),
      fixed: { x: [2], cos: [1], sin: [1] },
    },
    EmbedLayerNormalization: {
      feeds: { ids: tensorOf('int32', [2, 3], [1, 0, 1, 3, 3, 2]), words: numbers('float64', [4, 4], 1), positions: numbers('float64', [5, 4], 2), gamma: numbers('float64', [4], 3), beta: numbers('float64', [4], 4) },
      build: ({ ids, words, positions, gamma, beta }) => emit(EmbedLayerNormalization, [ids, undefined, words, positions, undefined, gamma, beta], { epsilon: 0.1 }),
      fixed: { words: [1], positions: [1], gamma: [0], beta: [0] },
    },
    MoE: {
      feeds: { x: numbers('float64', [4, 3], 1), scores: numbers('float64', [4, 3], 2), first: numbers('float64', [3, 4, 3], 3), second: numbers('float64', [3, 3, 2], 4) },
      build: ({ x, scores, first, second }) => emit(MoE, [x, scores, first, undefined, second], { k: 2, activation_type: 'swiglu', swiglu_fusion: 1, normalize_routing_weights: 1 }),
      fixed: { x: [1], scores: [1], first: [0, 1, 2], second: [0, 1, 2] },
    },
    // What a frozen 4-bit layer hands back to the layers before it, and its scales.
    MatMulNBits: {
      feeds: { x: numbers('float32', [2, 32], 1), codes: tensorOf('uint8', [2, 2, 8], Array.from({ length: 32 }, (_, index) => (index * 37) % 256)), scales: numbers('float32', [2, 2], 2) },
      build: ({ x, codes, scales }) => emit(MatMulNBits, [x, codes, scales], { K: 32, N: 2, bits: 4, block_size: 16 }),
      fixed: true,
    },
  })
})
