import { describe } from 'vitest'
import { DequantizeLinear } from '../ops/quantization.js'
import { tensorOf } from '../test-support.js'
import { agreeWithDifferences, numbers, type Differentiable } from './test-finite-differences.js'

const of = (scale: readonly number[], attributes: { axis?: number; block_size?: number } = {}, zeros = true): Differentiable => ({
  feeds: {
    codes: tensorOf('int8', [3, 4], [-8, 3, 5, 7, 1, 0, -2, 9, 4, -4, 6, 2]),
    scale: numbers('float32', scale, 2),
    ...(zeros && { zero: tensorOf('int8', scale, Array.from({ length: scale.reduce((a, b) => a * b, 1) }, (_, index) => index - 2)) }),
  },
  build: ({ codes, scale: scales, zero }) => DequantizeLinear(codes!, scales!, zero, attributes),
})

describe('gradients of DequantizeLinear, with respect to its scales', () => {
  agreeWithDifferences({
    'one for all': of([]),
    'without a zero point': of([], {}, false),
    'one for a column': of([4], { axis: 1 }),
    'one for a row': of([3], { axis: 0 }),
    'one for a block': of([3, 2], { axis: 1, block_size: 2 }),
  })
})
