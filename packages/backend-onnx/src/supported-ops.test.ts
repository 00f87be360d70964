import { expect, it } from 'vitest'

import { supportsNode } from './supported-ops.js'

const supports = (op: string) => supportsNode({ op, inputs: [], outputs: [], attributes: {} })

it.each(['MatMul', 'LayerNormalization', 'Gelu', 'RandomUniformLike', 'com.microsoft::MatMulNBits', 'com.microsoft::GroupQueryAttention', 'SimplifiedLayerNormalization'])('supports %s', (op) => {
  expect(supports(op)).toBe(true)
})

it.each(['RMSNormalization', 'GroupQueryAttention', 'com.microsoft::PagedAttention', 'com.example::MatMul'])('leaves %s to its decomposition', (op) => {
  expect(supports(op)).toBe(false)
})
