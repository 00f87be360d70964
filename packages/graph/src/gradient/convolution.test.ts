import { describe } from 'vitest'
import { Conv } from '../ops/convolution.js'
import { agreeWithDifferences, numbers, type Differentiable } from './test-finite-differences.js'

type Attributes = Parameters<typeof Conv>[3]
const of = (x: readonly number[], w: readonly number[], attributes: Attributes = {}, bias = false): Differentiable => ({
  feeds: { x: numbers('float32', x, 1), w: numbers('float32', w, 2), ...(bias && { b: numbers('float32', [w[0]!], 3) }) },
  build: ({ x: image, w: kernels, b }) => Conv(image!, kernels!, b, attributes),
})

describe('gradients of Conv', () => {
  agreeWithDifferences({
    'along one axis': of([2, 2, 5], [3, 2, 3], {}, true),
    'padded on both sides': of([2, 2, 4], [2, 2, 3], { pads: [1, 1] }),
    'padded by more than its reach': of([1, 1, 3], [1, 1, 2], { pads: [3, 0] }),
    'of images': of([1, 2, 4, 3], [2, 2, 3, 2], { pads: [1, 0, 0, 1] }, true),
    'with strides': of([1, 2, 6], [2, 2, 2], { strides: [2] }),
    'with strides that leave a rest': of([1, 1, 6, 7], [2, 1, 2, 3], { strides: [3, 2] }),
    'with strides and padding': of([2, 1, 7], [2, 1, 3], { strides: [2], pads: [1, 2] }),
    'of patches': of([1, 2, 4, 4], [3, 2, 2, 2], { strides: [2, 2] }, true),
    dilated: of([1, 2, 7], [2, 2, 3], { dilations: [2] }),
    'dilated, with strides and padding': of([1, 1, 9], [1, 1, 3], { dilations: [2], strides: [2], pads: [2, 1] }),
    'in groups': of([2, 4, 4], [4, 2, 2], { group: 2 }),
    'in groups, with all the rest': of([1, 4, 5, 6], [2, 2, 2, 2], { group: 2, strides: [2, 1], dilations: [1, 2], pads: [1, 0, 1, 1] }),
    'of each channel alone': of([2, 3, 4], [3, 1, 2], { group: 3 }, true),
    'to the same size': of([1, 1, 5], [1, 1, 2], { auto_pad: 'SAME_UPPER' }),
    'to the same size, padded before': of([1, 1, 5], [1, 1, 2], { auto_pad: 'SAME_LOWER', strides: [2] }),
    'without padding': of([1, 1, 5], [1, 1, 2], { auto_pad: 'VALID' }),
  })
})
