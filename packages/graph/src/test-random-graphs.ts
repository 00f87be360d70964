import type { Graph } from '@tenon/core'
import { array, constantFrom, integer, record } from 'fast-check'
import { GraphBuilder } from './builder.js'
import { integers, scalar } from './literals.js'
import type { Value } from './op.js'
import { Add, Cast, Concat, Gather, Greater, LayerNormalization, MatMul, Mul, Neg, ReduceMean, Relu, Reshape, Shape, Slice, Softmax, Split, Sub, Tanh, Transpose, Where } from './ops/index.js'
import { constantOf, noise } from './test-support.js'

type Step = (a: Value, b: Value, size: number, builder: GraphBuilder) => Value

/** All over values of [rows, 4], so that any step may follow any other. */
const steps: Readonly<Record<string, Step>> = {
  add: (a, b) => Add(a, b),
  subtract: (a, b) => Sub(a, b),
  multiply: (a, b) => Mul(Tanh(a), b),
  negate: (a) => Neg(a),
  relu: (a) => Relu(a),
  softmax: (a, _, size) => Softmax(a, { axis: size % 2 }),
  turn: (a) => Transpose(Transpose(a, { perm: [1, 0] }), { perm: [1, 0] }),
  weigh: (a, _, size, builder) => MatMul(a, builder.constant(constantOf(noise([4, 4], size)), `w${size}/${count++}`)),
  shift: (a, _, size, builder) => Add(a, builder.constant(constantOf(noise([4], size)), `b${size}/${count++}`)),
  normalize: (a, _, size, builder) => LayerNormalization(a, builder.constant(constantOf(noise([4], size)), `n${size}/${count++}`)),
  centre: (a) => Sub(a, ReduceMean(a, integers(a, [1]))),
  reshape: (a) => Reshape(Reshape(a, integers(a, [-1])), Concat([Shape(a, { end: 1 }), integers(a, [4])], { axis: 0 })),
  halves: (a) => Concat(a.builder.emit(Split as never, [a], { axis: 1, num_outputs: 2 }, 2), { axis: 1 }),
  rotate: (a) => Concat([Slice(a, integers(a, [1]), integers(a, [4]), integers(a, [1])), Slice(a, integers(a, [0]), integers(a, [1]), integers(a, [1]))], { axis: 1 }),
  choose: (a, b) => Where(Greater(a, b), a, b),
  scale: (a) => Mul(a, Cast(Gather(Shape(a), integers(a, [1])), { to: 'float32' })),
  half: (a) => Mul(a, scalar(a, 0.5)),
}
let count = 0

const place = integer({ min: 0, max: 99 })
const step = record({ name: constantFrom(...Object.keys(steps)), a: place, b: place, size: integer({ min: 0, max: 3 }) })

/** What a random graph is made by; x is [rows, 4]. */
export const script = record({ ends: integer({ min: 1, max: 3 }), taken: array(step, { minLength: 1, maxLength: 14 }) })

interface Script {
  readonly ends: number
  readonly taken: readonly { readonly name: string; readonly a: number; readonly b: number; readonly size: number }[]
}

/** A graph of the steps, dead ends and repetitions left in. */
export function graphOf({ ends, taken }: Script): Graph {
  const builder = new GraphBuilder('random')
  const values = [builder.input('x', 'float32', ['rows', 4])]
  for (const { name, a, b, size } of taken) values.push(steps[name]!(values[a % values.length]!, values[b % values.length]!, size, builder))
  values.forEach((value, index) => builder.output(`y${index}`, value))
  const all = builder.build()
  return { ...all, outputs: all.outputs.slice(-ends) }
}
