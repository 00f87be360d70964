import type { Producer, Value } from '../op.js'
import { Transpose } from '../ops/movement.js'

/** Dimensions in another order. Of what was transposed before, it is one transposition, or none. */
export function transposed(x: Value, perm: readonly number[]): Value {
  if (perm.every((axis, index) => axis === index)) return x
  const maker = x.builder.producerOf(x)
  if (maker?.op !== Transpose.op) return Transpose(x, { perm })
  const before = orderOf(maker)
  return transposed(maker.inputs[0]!, perm.map((axis) => before[axis]!))
}

/** With the last two dimensions exchanged. This a product can do as it reads its factor, so what was transposed otherwise stays as it is. */
export function swapped(x: Value): Value {
  const rank = x.shape.length
  const perm = [...Array.from({ length: rank - 2 }, (_, axis) => axis), rank - 1, rank - 2]
  const maker = x.builder.producerOf(x)
  return maker?.op === Transpose.op && orderOf(maker).join() === perm.join() ? maker.inputs[0]! : Transpose(x, { perm })
}

function orderOf({ inputs: [x], attributes }: Producer): readonly number[] {
  return (attributes['perm'] as readonly number[] | undefined) ?? x!.shape.map((_, axis) => x!.shape.length - 1 - axis)
}
