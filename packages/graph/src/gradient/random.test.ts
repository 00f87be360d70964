import { array, assert, asyncProperty, constantFrom, integer, record } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { integers, scalar } from '../literals.js'
import type { Value } from '../op.js'
import { Add, Clip, Concat, Cos, CumSum, Div, Exp, Expand, Gather, Greater, LayerNormalization, LogSoftmax, MatMul, Max, Mul, Neg, Pow, ReduceL2, ReduceMax, ReduceMean, ReduceSum, Reshape, Sigmoid, Sin, Slice, Softmax, Split, Sqrt, Squeeze, Sub, Tanh, Tile, Transpose, Where } from '../ops/index.js'
import { Einsum } from '../ops/einsum.js'
import { Pad } from '../ops/indexing.js'
import { apartFromDifferences, numbers, tolerances } from './test-finite-differences.js'

/** All over values of [3, 4] of moderate size, so that any step may follow any other. */
const steps: Readonly<Record<string, (a: Value, b: Value, w: Value, size: number) => Value>> = {
  add: (a, b) => Add(a, b),
  subtract: (a, b) => Sub(a, Neg(b)),
  multiply: (a, b) => Mul(a, Tanh(b)),
  divide: (a, b) => Div(a, Add(Mul(b, b), scalar(b, 1))),
  power: (a) => Pow(Tanh(a), scalar(a, 2)),
  root: (a) => Sqrt(Add(Mul(Sin(a), Cos(a)), scalar(a, 1))),
  bound: (a, b) => Max([Clip(a, scalar(a, -0.7), scalar(a, 0.9)), Sigmoid(b)]),
  choose: (a, b) => Where(Greater(a, b), Exp(Neg(Mul(a, a))), b),
  softmax: (a, _, __, size) => Softmax(a, { axis: size % 2 }),
  logSoftmax: (a, _, __, size) => LogSoftmax(a, { axis: size % 2 }),
  normalize: (a, _, w) => LayerNormalization(a, Squeeze(Slice(w, integers(w, [0]), integers(w, [1])), integers(w, [0])), undefined, { epsilon: 0.1 }),
  weigh: (a, _, w) => MatMul(a, w),
  attend: (a, b, w) => MatMul(Softmax(MatMul(MatMul(a, w), Transpose(b, { perm: [1, 0] }))), b),
  contract: (a, _, w) => Einsum([a, w, w], { equation: 'ij,jk,lk->il' }),
  turn: (a) => Reshape(Transpose(Reshape(Transpose(a, { perm: [1, 0] }), integers(a, [4, 3])), { perm: [1, 0] }), integers(a, [3, 4])),
  spread: (a, _, __, size) => Expand(ReduceMean(a, integers(a, [size % 2])), integers(a, [3, 4])),
  length: (a) => Add(a, ReduceL2(a, integers(a, [1]))),
  peak: (a, b) => Sub(ReduceMax(a, integers(a, [0])), b),
  halves: (a) => Concat(a.builder.emit(Split as never, [a], { axis: 1, num_outputs: 2 }, 2).toReversed(), { axis: 1 }),
  mirror: (a, _, __, size) => Slice(a, integers(a, [-1]), integers(a, [-9]), integers(a, [size % 2]), integers(a, [-1])),
  pick: (a, _, __, size) => Gather(a, integers(a, [2, 0, size % 3]), { axis: 0 }),
  shift: (a) => Pad(Slice(a, integers(a, [0]), integers(a, [3]), integers(a, [1])), integers(a, [0, 1, 0, 0])),
  repeat: (a) => Slice(Tile(a, integers(a, [2, 2])), integers(a, [1, 2]), integers(a, [4, 6])),
  accumulate: (a, _, __, size) => Mul(CumSum(a, Squeeze(integers(a, [size % 2]))), scalar(a, 0.5)),
  centre: (a) => Sub(a, ReduceSum(Mul(a, scalar(a, 0.1)), undefined)),
}

const place = integer({ min: 0, max: 99 })
const script = array(record({ step: constantFrom(...Object.keys(steps)), a: place, b: place, size: integer({ min: 0, max: 5 }) }), { minLength: 5, maxLength: 10 })

describe('gradients of random functions', () => {
  it('agree with difference quotients, however sizes are declared', async () => {
    const property = asyncProperty(script, async (taken) => {
      const apart = await apartFromDifferences({
        feeds: { x: numbers('float64', [3, 4], 1), y: numbers('float64', [3, 4], 2), w: numbers('float64', [4, 4], 3) },
        build: ({ x, y, w }) => {
          const values = [x!, y!]
          for (const { step, a, b, size } of taken) values.push(steps[step]!(values.at(-1 - (a % Math.min(values.length, 3)))!, values[b % values.length]!, w!, size))
          return values.at(-1)!
        },
        fixed: { x: [1], y: [1], w: [0, 1] },
      })
      expect(Object.entries(apart).filter(([, worst]) => !(worst < tolerances.float64))).toEqual([])
    })
    await assert(property, { numRuns: 25, seed: 20 })
  })
})
