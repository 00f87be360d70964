import { inlineConstant, tensor, type Constant, type Dimension, type Graph, type HostTensor, type NumericType } from '@tenon/core'
import { defineOp, GraphBuilder, verify, type Value } from '@tenon/graph'
import { Add, Mul } from '@tenon/graph/ops'

export const floats = (...values: number[]): HostTensor<'float32'> => tensor('float32', [values.length], Float32Array.from(values))

/** A graph from the function that makes its outputs from its inputs. They are all float32 unless told. */
export function graph<const Inputs extends Readonly<Record<string, readonly Dimension[]>>>(name: string, inputs: Inputs, outputs: (values: { [K in keyof Inputs]: Value }, builder: GraphBuilder) => Readonly<Record<string, Value>>, dtype: NumericType = 'float32'): Graph {
  const builder = new GraphBuilder(name)
  const values = Object.fromEntries(Object.entries(inputs).map(([input, shape]) => [input, builder.input(input, dtype, shape)]))
  for (const [output, value] of Object.entries(outputs(values as { [K in keyof Inputs]: Value }, builder))) builder.output(output, value)
  return verify(builder.build())
}

/** y = x + x */
export const doubling: Graph = graph('doubling', { x: ['n'] }, ({ x }) => ({ y: Add(x, x) }))

/** y = a + b, of two columns. */
export const summing: Graph = graph('summing', { a: ['batch', 2], b: ['batch', 2] }, ({ a, b }) => ({ y: Add(a, b) }))

/** y = x · factor, where the factor is a weight. */
export function scaling(factor: Constant): Graph {
  return graph('scaling', { x: factor.shape }, ({ x }, builder) => ({ y: Mul(x, builder.constant(factor, 'factor')) }))
}

/** before = 10 · total; total ← total + x. The update waits for whatever reads the old total. */
export function accumulating(): Graph {
  const builder = new GraphBuilder('accumulating')
  const [total, x] = [builder.input('total', 'float32', ['n']), builder.input('x', 'float32', ['n'])]
  const before = Mul(total, builder.constant(inlineConstant('float32', [1], Float32Array.of(10))))
  const nothing = Mul(before, builder.constant(inlineConstant('float32', [1], Float32Array.of(0))))
  builder.output('total.next', Add(total, Add(x, nothing)), total)
  builder.output('before', before)
  return verify(builder.build())
}

/** w ← x · x, and y = w · x of the old w, which nothing makes come first. Not verified: it is not valid. */
export function racing(): Graph {
  const builder = new GraphBuilder('racing')
  const [w, x] = [builder.input('w', 'float32', ['n']), builder.input('x', 'float32', ['n'])]
  builder.output('w.next', Mul(x, x), w)
  builder.output('y', Mul(w, x))
  return builder.build()
}

/** A composite that is nobody's standard, made of another: 4 · x. */
const Twice = defineOp('test.tenon::Twice', { since: 1, inputs: ['X'], infer: ([x]) => ({ dtype: x.dtype, shape: x.shape }), decompose: ([x]) => Add(x, x) })
const FourTimes = defineOp('test.tenon::FourTimes', { since: 1, inputs: ['X'], infer: ([x]) => ({ dtype: x.dtype, shape: x.shape }), decompose: ([x]) => Twice(Twice(x)) })
export const composite: Graph = graph('composite', { x: ['n'] }, ({ x }) => ({ y: FourTimes(x) }))

/** An operator that nobody can have a kernel for. */
const Riddle = defineOp('test.tenon::Riddle', { since: 1, inputs: ['X'], infer: ([x]) => ({ dtype: x.dtype, shape: x.shape }) })
export const riddle: Graph = graph('riddle', { x: ['n'] }, ({ x }) => ({ answer: Riddle(x) }))

/** Steps that each wait for the one before: y = x · one · one · … */
export function longWork(steps: number): Graph {
  return graph('long work', { x: ['n'], one: [1] }, ({ x, one }) => {
    let y = x
    for (let step = 0; step < steps; step++) y = Mul(y, one)
    return { y }
  })
}
