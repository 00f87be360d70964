import { describe } from 'vitest'
import { integers } from '../literals.js'
import type { Value } from '../op.js'
import { Mul } from '../ops/elementwise.js'
import { CumSum, ReduceL1, ReduceL2, ReduceLogSum, ReduceLogSumExp, ReduceMax, ReduceMean, ReduceMin, ReduceProd, ReduceSum, ReduceSumSquare } from '../ops/reduction.js'
import { Squeeze } from '../ops/movement.js'
import { agreeWithDifferences, numbers, type Differentiable } from './test-finite-differences.js'

const reductions = { ReduceSum, ReduceMean, ReduceMax, ReduceMin, ReduceL1, ReduceL2, ReduceProd, ReduceSumSquare, ReduceLogSum, ReduceLogSumExp }
const around = numbers('float64', [2, 3, 2], 3)
const positive = { ...around, values: around.values.map((value) => value + 1.5) }
const of = (compute: (x: Value) => Value, x = around): Differentiable => ({ feeds: { x }, build: ({ x: value }) => compute(value!) })

const cases = Object.entries(reductions).flatMap(([name, Reduce]): [string, Differentiable][] => {
  const x = name === 'ReduceLogSum' ? positive : around
  return [
    [`${name} over one axis`, of((value) => Reduce(value, integers(value, [1])), x)],
    [`${name} over several, dropped`, of((value) => Reduce(value, integers(value, [0, -1]), { keepdims: 0 }), x)],
    [`${name} over everything`, of((value) => Reduce(value, undefined, { keepdims: 0 }), x)],
    [`${name} over nothing`, of((value) => Reduce(value, undefined, { noop_with_empty_axes: 1, keepdims: 0 }), x)],
  ]
})
const summed = (attributes: { exclusive?: number; reverse?: number }): Differentiable => of((x) => CumSum(Mul(x, x), Squeeze(integers(x, [1])), attributes))

describe('gradients of reductions', () => {
  agreeWithDifferences({
    ...Object.fromEntries(cases),
    'ReduceMean of a scalar': of((x) => ReduceMean(x), numbers('float64', [])),
    CumSum: summed({}),
    'CumSum of those before': summed({ exclusive: 1 }),
    'CumSum from the end': summed({ reverse: 1 }),
    'CumSum of those behind': summed({ exclusive: 1, reverse: 1 }),
  })
})
