import { InvalidInputError, NoGradientError, ShapeMismatchError, TypeMismatchError, type DataType } from '@tenon/core'
import { filled } from '../call.js'
import { volume } from '../dimension.js'
import type { Producer, Value } from '../op.js'
import { Add } from '../ops/index.js'
import { ruleOf } from './rules.js'
import { inShapeOf, onesLike, zerosLike } from './sizes.js'

const floats: ReadonlySet<DataType> = new Set(['float32', 'float64', 'float16', 'bfloat16'])
export const isFloat = ({ dtype }: { readonly dtype: DataType }): boolean => floats.has(dtype)

/**
 * How `of` varies with each of some values, as more nodes of the same graph: reverse-mode differentiation, one walk from `of` back to
 * them. What `of` does not depend on has zeros of its shape. Operators that have no rule must be lowered before; `gradient` does that.
 * @param of One floating-point number, unless `seed` tells how something further varies with it: then of any shape, and `seed` of the same.
 * @throws NoGradientError where an operator on the way has no rule.
 * @throws InvalidInputError, ShapeMismatchError, TypeMismatchError
 * @example
 * const loss = ReduceMean(Mul(error, error), undefined, { keepdims: 0 })
 * const [slope] = gradients(loss, [weight])
 * builder.output('weight.next', Sub(weight, Mul(slope, scalar(slope, 0.1))), weight)
 */
export function gradients<const Values extends readonly Value[]>(of: Value, withRespectTo: Values, { seed }: { readonly seed?: Value | undefined } = {}): { readonly [Index in keyof Values]: Value } {
  for (const value of [of, ...withRespectTo]) {
    if (value.builder !== of.builder) throw new InvalidInputError({ what: `the value '${value.name}'`, problem: `belongs to another graph than '${of.name}'`, remedy: 'differentiate within one graph' })
    if (!isFloat(value)) throw new InvalidInputError({ what: `the value '${value.name}'`, problem: `is ${value.dtype}, and only floating-point numbers vary smoothly`, remedy: 'differentiate floating-point values, with respect to floating-point values' })
  }
  if (seed === undefined && volume(of.shape) !== 1) throw new InvalidInputError({ what: `the value '${of.name}'`, problem: `has the shape [${of.shape.join(', ')}]; a gradient is taken of one number`, remedy: 'sum it up, or pass a seed of its shape' })
  const found = new Map<Value, Value>([[of, seed === undefined ? onesLike(of) : fitting(seed, of, 'the seed')]])
  const path = pathBetween(of, new Set(withRespectTo))
  for (const node of path.nodes) {
    const received = node.outputs.map((output) => found.get(output))
    if (received.every((each) => each === undefined)) continue
    const rule = ruleOf(node.definition)
    if (rule === undefined) throw new NoGradientError({ op: node.op, node: node.outputs[0]!.name })
    const back = rule({ inputs: node.inputs, outputs: node.outputs, attributes: filled(node.definition, node.attributes), gradients: received })
    for (const [index, input] of node.inputs.entries()) {
      const part = input !== undefined && path.values.has(input) ? back[index]?.() : undefined
      if (input === undefined || part === undefined) continue
      const other = found.get(input)
      const fitted = fitting(part, input, `the gradient of ${node.op}`)
      found.set(input, other === undefined ? fitted : Add(other, fitted))
    }
  }
  return withRespectTo.map((value) => found.get(value) ?? zerosLike(value)) as { readonly [Index in keyof Values]: Value }
}

/** Of the value's type and shape; sizes that only a run can tell may be spelled differently, and are read off the value. */
function fitting(gradient: Value, value: Value, what: string): Value {
  if (gradient.dtype !== value.dtype) throw new TypeMismatchError({ op: what, expected: value.dtype, actual: gradient.dtype })
  const fits = gradient.shape.length === value.shape.length && gradient.shape.every((size, axis) => typeof size === 'string' || typeof value.shape[axis] === 'string' || size === value.shape[axis])
  if (!fits) throw new ShapeMismatchError({ op: what, expected: value.shape, actual: gradient.shape })
  return inShapeOf(gradient, value)
}

/** The nodes that `of` is made by, from those that carry on what one of `ends` is, the last ones first; and the values on the way. */
function pathBetween(of: Value, ends: ReadonlySet<Value>): { readonly nodes: readonly Producer[]; readonly values: ReadonlySet<Value> } {
  const builder = of.builder
  const order: Producer[] = []
  const seen = new Set<Producer>()
  // Not by recursion: graphs are deeper than stacks.
  const waiting: { readonly node: Producer; readonly inputs: Iterator<Value | undefined> }[] = []
  const visit = (value: Value | undefined) => {
    const node = value !== undefined && isFloat(value) ? builder.producerOf(value) : undefined
    if (node !== undefined && !seen.has(node)) waiting.push((seen.add(node), { node, inputs: node.inputs[Symbol.iterator]() }))
  }
  visit(of)
  for (let top = waiting.at(-1); top !== undefined; top = waiting.at(-1)) {
    const next = top.inputs.next()
    if (next.done) order.push(waiting.pop()!.node)
    else visit(next.value)
  }
  const values = new Set(ends)
  const nodes = order.filter((node) => {
    const carries = node.inputs.some((input) => input !== undefined && values.has(input))
    if (carries) for (const output of node.outputs) if (isFloat(output)) values.add(output)
    return carries
  })
  return { nodes: nodes.toReversed(), values }
}
