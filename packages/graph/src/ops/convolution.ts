import { ShapeMismatchError, type Dimension } from '@tenon/core'
import { difference, product, quotient, sum } from '../dimension.js'
import { defineOp } from '../op.js'
import { sameSize, sameType } from '../shapes.js'

/**
 * Cross-correlation of X, [batch, channels, …space], with kernels W, [outChannels, channels / group, …kernel], and a
 * bias B per output channel. `pads` are those before all axes of space, then those after them.
 */
export const Conv = defineOp('Conv', {
  since: 11,
  inputs: ['X', 'W', 'B?'],
  attributes: {
    auto_pad: { type: 'string', default: 'NOTSET' },
    dilations: { type: 'ints' },
    group: { type: 'int', default: 1 },
    kernel_shape: { type: 'ints' },
    pads: { type: 'ints' },
    strides: { type: 'ints' },
  },
  infer: ([x, w, b], { auto_pad: auto, dilations, group, kernel_shape: given, pads, strides }) => {
    sameType('Conv', x, w, b)
    const space = x.shape.length - 2
    if (space < 1 || w.shape.length !== x.shape.length) throw new ShapeMismatchError({ op: 'Conv', expected: '[batch, channels, …space] and kernels of as many dimensions', actual: `[${x.shape.join(', ')}] and [${w.shape.join(', ')}]` })
    sameSize('Conv', 'channels numbering', product(w.shape[1]!, group), x.shape[1]!)
    if (typeof w.shape[0] === 'number' && w.shape[0] % group !== 0) throw new ShapeMismatchError({ op: 'Conv', expected: `output channels in ${group} groups`, actual: w.shape })
    if (b !== undefined) sameSize('Conv', 'a bias of', w.shape[0]!, b.shape[0]!)
    for (const [list, length] of [[dilations, space], [given, space], [pads, 2 * space], [strides, space]] as const) {
      if (list !== undefined) sameSize('Conv', 'one attribute for each axis of space, or end of one:', length, list.length)
    }
    const sizes = x.shape.slice(2).map((size, axis): Dimension => {
      const step = strides?.[axis] ?? 1
      if (auto.startsWith('SAME')) return quotient(sum(size, step - 1), step)
      const reach = product(dilations?.[axis] ?? 1, difference(given?.[axis] ?? w.shape[axis + 2]!, 1))
      const padded = auto === 'VALID' ? size : sum(size, (pads?.[axis] ?? 0) + (pads?.[axis + space] ?? 0))
      return sum(quotient(difference(padded, sum(reach, 1)), step), 1)
    })
    return { dtype: x.dtype, shape: [x.shape[0]!, w.shape[0]!, ...sizes] }
  },
})
