import { integers } from '../literals.js'
import type { Value } from '../op.js'
import { Div, Max } from '../ops/elementwise.js'
import { Conv } from '../ops/convolution.js'
import { Slice, Unsqueeze } from '../ops/movement.js'
import { ReduceSum } from '../ops/reduction.js'
import { padded } from './padded.js'
import { rule, type NamedRule } from './rule.js'
import { joined, minus, plus, reshape, settled, sizeOf, times } from './sizes.js'
import { transposed } from './transposed.js'

/** Sizes of the dimensions of space, which stand behind two others. */
const spaceOf = (x: Value): Value => joined(x.shape.slice(2).map((_, axis) => sizeOf(x, axis + 2)))

const places = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

interface Window {
  readonly space: number
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  readonly group: number
  /** How much stands before x. */
  readonly before: Value
  /** From a kernel's first element to its last. */
  readonly reach: Value
}

interface Attributes {
  readonly auto_pad: string
  readonly dilations?: readonly number[] | undefined
  readonly group: number
  readonly pads?: readonly number[] | undefined
  readonly strides?: readonly number[] | undefined
}

function windowOf(x: Value, w: Value, y: Value, { auto_pad: auto, dilations, group, pads, strides }: Attributes): Window {
  const space = x.shape.length - 2
  const ones = places(space).map(() => 1)
  const steps = strides ?? ones
  const reach = times(minus(spaceOf(w), integers(x, [1])), integers(x, dilations ?? ones))
  const window = { space, strides: steps, dilations: dilations ?? ones, group, reach }
  if (!auto.startsWith('SAME')) return { ...window, before: integers(x, (auto === 'NOTSET' ? pads : undefined)?.slice(0, space) ?? ones.map(() => 0)) }
  const total = notNegative(minus(lengthOf(y, window), spaceOf(x)))
  return { ...window, before: settled(Div(auto === 'SAME_LOWER' ? plus(total, integers(x, [1])) : total, integers(x, [2]))) }
}

/** What all kernels together see: (outputs − 1) · stride + reach + 1. */
const lengthOf = (y: Value, { strides, reach }: Pick<Window, 'strides' | 'reach'>): Value => plus(times(minus(spaceOf(y), integers(y, [1])), integers(y, strides)), plus(reach, integers(y, [1])))

function notNegative(sizes: Value): Value {
  const known = sizes.elements
  return known?.every((size) => typeof size === 'number') ? integers(sizes, known.map((size) => Math.max(0, size))) : Max([sizes, integers(sizes, [0])])
}

/** Zeros between the elements, and behind each. */
function spread(d: Value, { space, strides }: Window): Value {
  if (strides.every((stride) => stride === 1)) return d
  const apart = Unsqueeze(d, integers(d, places(space).map((axis) => 2 * axis + 3)))
  const wide = padded(apart, places(space).map((axis) => 2 * axis + 3), integers(d, strides.map(() => 0)), integers(d, strides.map((stride) => stride - 1)))
  return reshape(wide, joined([sizeOf(d, 0), sizeOf(d, 1), times(spaceOf(d), integers(d, strides))]))
}

/** Kernels [out, in / group, …space] seen from the other side, [in, out / group, …space], mirrored. */
function mirrored(w: Value, { space, group }: Window): Value {
  const along = places(space).map((axis) => axis + 2)
  const fill = (value: number) => integers(w, along.map(() => value))
  const mirror = Slice(w, fill(-1), fill(-(2 ** 31)), integers(w, along), fill(-1))
  if (group === 1) return transposed(mirror, [1, 0, ...along])
  const [out, into] = [sizeOf(w, 0), sizeOf(w, 1)]
  const inGroup = settled(Div(out, integers(w, [group])))
  const parts = reshape(mirror, joined([integers(w, [group]), inGroup, into, spaceOf(w)]))
  return reshape(transposed(parts, [0, 2, 1, ...along.map((axis) => axis + 1)]), joined([times(into, integers(w, [group])), inGroup, spaceOf(w)]))
}

/** [batch, channels, …space] as [channels / group, group · batch, …space]. */
function batchAsChannels(x: Value, { space, group }: Window): Value {
  const along = places(space).map((axis) => axis + 2)
  if (group === 1) return transposed(x, [1, 0, ...along])
  const [batch, groups, inGroup] = [sizeOf(x, 0), integers(x, [group]), settled(Div(sizeOf(x, 1), integers(x, [group])))]
  const parts = reshape(x, joined([batch, groups, inGroup, spaceOf(x)]))
  return reshape(transposed(parts, [2, 1, 0, ...along.map((axis) => axis + 1)]), joined([inGroup, times(groups, batch), spaceOf(x)]))
}

export const convolution: readonly NamedRule[] = [
  rule(Conv, ({ inputs: [x, w, b], attributes, y, d }) => {
    const window = windowOf(x, w, y, attributes)
    const { space, strides, dilations, group, before, reach } = window
    const along = places(space).map((axis) => axis + 2)
    return [
      // Each output's gradient, spread by the mirrored kernel.
      () => {
        const wide = spread(d, window)
        const front = minus(reach, before)
        const behind = minus(plus(spaceOf(x), reach), plus(front, times(spaceOf(d), integers(d, strides))))
        return Conv(padded(wide, along, front, behind), mirrored(w, window), undefined, { dilations, group })
      },
      // Over the batch, x correlated with the gradient: what a kernel steps, the gradient is apart, and the other way round.
      () => {
        const seen = padded(x, along, before, minus(lengthOf(y, window), plus(before, spaceOf(x))))
        return transposed(Conv(batchAsChannels(seen, window), transposed(d, [1, 0, ...along]), undefined, { dilations: strides, strides: dilations, group }), [1, 0, ...along])
      },
      b && (() => ReduceSum(d, integers(d, [0, ...along]), { keepdims: 0 })),
    ]
  }),
]
