import { allocate } from '@tenon/core'
import type { HostArray } from '../carrier.js'
import { hostOp } from '../op.js'
import { Refusal } from '../refusal.js'
import { axisOf, integersOf, reducedAxes, sizeOf, stridesOf } from '../shapes.js'
import { isFloat, isWide } from './elementwise.js'

interface Keeping {
  readonly keepdims: number
  readonly noop_with_empty_axes: number
}

type Element = number | bigint

/** Folds what lies along the axes. Numbers and bigints take the same steps, so one function serves both. */
function reduced(x: HostArray, axes: readonly number[], keepdims: number, start: (of: (value: number) => Element) => Element, fold: (total: never, value: never) => Element, finish?: (total: number, count: number) => number): HostArray {
  const kept = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size))
  const shape = keepdims ? kept : x.shape.filter((_, axis) => !axes.includes(axis))
  const [own, into] = [stridesOf(x.shape), stridesOf(kept)]
  const wide = isWide(x.dtype)
  const totals: Element[] = Array.from({ length: sizeOf(kept) }, () => start(wide ? BigInt : Number))
  for (let index = 0; index < x.values.length; index++) {
    const place = own.reduce((sum, stride, axis) => sum + (kept[axis] === 1 ? 0 : (Math.floor(index / stride) % x.shape[axis]!) * into[axis]!), 0)
    totals[place] = fold(totals[place] as never, x.values[index] as never)
  }
  const values = allocate(x.dtype, totals.length)
  const count = totals.length === 0 ? 0 : x.values.length / totals.length
  for (const [index, total] of totals.entries()) values[index] = finish === undefined ? total : wide ? BigInt(Math.trunc(finish(Number(total), count))) : finish(Number(total), count)
  return { dtype: x.dtype, shape, values }
}

const reduction = (start: (of: (value: number) => Element) => Element, fold: (total: never, value: never) => Element, finish?: (total: number, count: number) => number) =>
  hostOp<[HostArray, HostArray?], Keeping>({
    run: ([x, axes], { keepdims, noop_with_empty_axes: noop }) => reduced(x, reducedAxes(x.shape.length, axes, noop), keepdims, start, fold, finish),
  })

/** Integers have no infinity to start from, so the first element does. */
const extreme = (ofNothing: number, better: (a: Element, b: Element) => boolean) =>
  hostOp<[HostArray, HostArray?], Keeping>({
    run: ([x, axes], { keepdims, noop_with_empty_axes: noop }) => {
      if (x.values.length === 0 && !isFloat(x.dtype) && x.dtype !== 'bool') throw new Refusal('is asked for the largest or smallest of no integers', 'feed a tensor with elements')
      const start = () => (x.values.length > 0 ? (undefined as never) : x.dtype === 'bool' ? Number(ofNothing > 0) : ofNothing)
      return reduced(x, reducedAxes(x.shape.length, axes, noop), keepdims, start, (best: Element | undefined, value: Element) => (best === undefined || better(value, best) || Number.isNaN(value) ? value : best))
    },
  })

const plus = (total: number, value: number) => total + value

export const ReduceSum = reduction((of) => of(0), plus)
export const ReduceMean = reduction((of) => of(0), plus, (total, count) => total / count)
export const ReduceProd = reduction((of) => of(1), (total: number, value: number) => total * value)
export const ReduceL2 = reduction((of) => of(0), (total: number, value: number) => total + value * value, (total) => Math.sqrt(total))
export const ReduceMax = extreme(-Infinity, (a, b) => a > b)
export const ReduceMin = extreme(Infinity, (a, b) => a < b)

const extremePlace = (better: (a: Element, b: Element) => boolean) =>
  hostOp<[HostArray], { axis: number; keepdims: number; select_last_index: number }>({
    run: ([x], { axis, keepdims, select_last_index: last }) => {
      const at = axisOf(axis, x.shape.length)
      const [size, inner] = [x.shape[at]!, sizeOf(x.shape.slice(at + 1))]
      const values = new BigInt64Array(x.values.length / size)
      for (let index = 0; index < values.length; index++) {
        const first = Math.floor(index / inner) * size * inner + (index % inner)
        let best = 0
        for (let candidate = 1; candidate < size; candidate++) {
          const [value, held] = [x.values[first + candidate * inner]!, x.values[first + best * inner]!]
          if (better(value, held) || (last && value === held)) best = candidate
        }
        values[index] = BigInt(best)
      }
      return { dtype: 'int64', shape: keepdims ? x.shape.with(at, 1) : x.shape.toSpliced(at, 1), values }
    },
  })

export const ArgMax = extremePlace((a, b) => a > b)
export const ArgMin = extremePlace((a, b) => a < b)

export const CumSum = hostOp<[HostArray, HostArray], { exclusive: number; reverse: number }>({
  run: ([x, axis], { exclusive, reverse }) => {
    const at = axisOf(integersOf(axis)[0]!, x.shape.length)
    const [size, step] = [x.shape[at]!, sizeOf(x.shape.slice(at + 1))]
    const values = allocate(x.dtype, x.values.length)
    const zero = isWide(x.dtype) ? 0n : 0
    for (let line = 0; line < x.values.length / Math.max(1, size); line++) {
      const first = Math.floor(line / step) * size * step + (line % step)
      let total: Element = zero
      for (let count = 0; count < size; count++) {
        const place = first + (reverse ? size - 1 - count : count) * step
        const before = total
        total = plus(total as never, x.values[place] as never)
        values[place] = exclusive ? before : total
      }
    }
    return { dtype: x.dtype, shape: x.shape, values }
  },
})
