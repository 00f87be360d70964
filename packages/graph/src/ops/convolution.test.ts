import { ShapeMismatchError } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../builder.js'
import { input } from '../test-support.js'
import { Conv } from './index.js'

// What it computes is compared with the reference's cases in reference.test.ts.
describe('Conv', () => {
  it.each([
    [{ pads: [1, 1] }, 'sequence'],
    [{}, 'sequence-2'],
    [{ strides: [2], auto_pad: 'SAME_UPPER' }, 'floor((sequence+1)/(2))'],
  ])('follows a length that is a symbol, with %j', (attributes, length) => {
    const builder = new GraphBuilder('test')
    expect(Conv(input('float32', ['batch', 4, 'sequence'], builder), input('float32', [6, 4, 3], builder), undefined, attributes).shape).toEqual(['batch', 6, length])
  })

  it.each([
    ['a matrix', [2, 4], [6, 4], 1, {}],
    ['kernels of other dimensions', [2, 4, 7], [6, 4, 3, 3], 1, {}],
    ['other channels than the kernels have', [2, 4, 7], [6, 4, 3], 2, {}],
    ['groups that the output channels do not share', [2, 4, 7], [5, 2, 3], 2, {}],
    ['padding of one end only', [2, 4, 7], [6, 4, 3], 1, { pads: [1] }],
    ['a kernel_shape that is another', [2, 4, 7], [6, 4, 3], 1, { kernel_shape: [3, 3] }],
  ])('refuses %s', (_, x, w, group, attributes) => {
    const builder = new GraphBuilder('test')
    expect(() => Conv(input('float32', x, builder), input('float32', w, builder), undefined, { group, ...attributes })).toThrow(ShapeMismatchError)
  })

  it('refuses a bias of another length than the output has channels', () => {
    const builder = new GraphBuilder('test')
    expect(() => Conv(input('float32', [2, 4, 7], builder), input('float32', [6, 4, 3], builder), input('float32', [4], builder))).toThrow(ShapeMismatchError)
  })
})
