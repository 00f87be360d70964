import { ShapeMismatchError } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../builder.js'
import { integers, scalar } from '../literals.js'
import { input } from '../test-support.js'
import { ArgMax, CumSum, ReduceL2, ReduceMax, ReduceMean, ReduceMin, ReduceSum } from './index.js'

describe.each([ReduceSum, ReduceMean, ReduceMax, ReduceMin, ReduceL2].map((op) => [op.op, op] as const))('%s', (_, op) => {
  const builder = new GraphBuilder('test')
  const x = input('float32', ['batch', 'sequence', 8], builder)

  it('keeps the dimensions it reduces as 1, or drops them', () => {
    expect(op(x, integers(x, [-2])).shape).toEqual(['batch', 1, 8])
    expect(op(x, integers(x, [1]), { keepdims: 0 }).shape).toEqual(['batch', 8])
  })

  it('reduces everything where no axis is named, unless told not to', () => {
    expect(op(x, undefined, { keepdims: 0 }).shape).toEqual([])
    expect(op(x, integers(x, [])).shape).toEqual([1, 1, 1])
    expect(op(x, integers(x, []), { noop_with_empty_axes: 1 }).shape).toEqual(x.shape)
  })

  it('refuses an axis that is not there, and axes that only a run can tell', () => {
    expect(() => op(x, integers(x, [3]))).toThrow(ShapeMismatchError)
    expect(() => op(x, input('int64', [1], builder))).toThrow(ShapeMismatchError)
  })
})

describe('ArgMax', () => {
  it('gives int64 indices', () => {
    const x = input('float32', ['batch', 8])
    expect(ArgMax(x, { axis: -1, keepdims: 0 })).toMatchObject({ dtype: 'int64', shape: ['batch'] })
    expect(ArgMax(x)).toMatchObject({ dtype: 'int64', shape: [1, 8] })
    expect(() => ArgMax(x, { axis: 2 })).toThrow(ShapeMismatchError)
  })
})

describe('CumSum', () => {
  it('keeps type and shape, and refuses an axis that is not there', () => {
    const x = input('int64', ['batch', 'sequence'])
    expect(CumSum(x, scalar(x, -1))).toMatchObject({ dtype: 'int64', shape: ['batch', 'sequence'] })
    expect(() => CumSum(x, scalar(x, 2))).toThrow(ShapeMismatchError)
  })
})
