import { ShapeMismatchError, TypeMismatchError, type Dimension } from '@tenon/core'
import { abridged } from './dimension.js'
import type { ValueType } from './op.js'

/** Whether a size is known only at run time, and was named here rather than by whoever declared the inputs. */
const isOpaque = (size: Dimension) => typeof size === 'string' && size.includes('(')

/** The size that two different symbols make when they broadcast: one of the two. */
const either = (a: Dimension, b: Dimension): Dimension => abridged(`broadcast(${[a, b].toSorted().join(',')})`)

/**
 * The shape of an elementwise result under ONNX's (NumPy's) broadcasting. Where a symbol meets a size above 1,
 * the size wins, since the two must be equal or the symbol 1; of two different symbols, nobody knows which.
 */
export function broadcast(op: string, ...shapes: (readonly Dimension[])[]): Dimension[] {
  const rank = Math.max(...shapes.map((shape) => shape.length))
  return Array.from({ length: rank }, (_, axis) => {
    let result: Dimension = 1
    for (const shape of shapes) {
      const size = shape[axis - rank + shape.length] ?? 1
      if (size === 1 || size === result) continue
      if (result === 1 || (typeof result === 'string' && typeof size === 'number')) result = size
      else if (typeof result === 'number' && typeof size === 'string') continue
      else if (typeof result === 'string' && typeof size === 'string') result = either(result, size)
      else throw mismatch(op, shapes)
    }
    return result
  })
}

const mismatch = (op: string, shapes: (readonly Dimension[])[]) => new ShapeMismatchError({ op, expected: 'shapes that broadcast', actual: shapes.map((each) => `[${each.join(', ')}]`).join(' and ') })

/**
 * Two different symbols that an author declared and then broadcasts are a mistake.
 * @throws ShapeMismatchError
 */
export function refuseMixedSizes(op: string, inputs: readonly (ValueType | undefined)[], outputs: readonly ValueType[]): void {
  if (!outputs.some(({ shape }) => shape.some((size) => typeof size === 'string' && size.startsWith('broadcast(')))) return
  const declared = inputs.flatMap((input) => input?.shape ?? []).filter((size) => typeof size === 'string' && !isOpaque(size))
  const mixed = new Set(declared.flatMap((a) => declared.map((b) => either(a, b))))
  if (outputs.some(({ shape }) => shape.some((size) => mixed.has(size)))) throw mismatch(op, inputs.filter((input) => input !== undefined).map(({ shape }) => shape))
}

/** A possibly negative axis as an index. @throws ShapeMismatchError outside the rank. */
export function axisIndex(op: string, axis: number, rank: number): number {
  const index = axis < 0 ? axis + rank : axis
  if (index < 0 || index >= rank) throw new ShapeMismatchError({ op, expected: `at least ${axis < 0 ? -axis : axis + 1} dimensions for axis ${axis}`, actual: `${rank}` })
  return index
}

/** @throws TypeMismatchError unless all inputs have one element type. */
export function sameType(op: string, ...values: (ValueType | undefined)[]): void {
  const present = values.filter((value) => value !== undefined)
  if (present.some((value) => value.dtype !== present[0]!.dtype)) {
    throw new TypeMismatchError({ op, expected: 'inputs of one type', actual: present.map((value) => value.dtype).join(' and ') })
  }
}

/** @throws TypeMismatchError unless all are bytes, signed or not: what quantised products take. */
export function eightBits(op: string, ...values: ValueType[]): void {
  for (const { dtype } of values) if (dtype !== 'int8' && dtype !== 'uint8') throw new TypeMismatchError({ op, expected: '8-bit integers', actual: dtype })
}

/** @throws ShapeMismatchError unless the sizes agree; a symbol agrees with any number. */
export function sameSize(op: string, what: string, a: Dimension, b: Dimension): void {
  if (a !== b && typeof a === 'number' && typeof b === 'number') throw new ShapeMismatchError({ op, expected: `${what} ${a}`, actual: `${b}` })
}

/** NumPy's matmul: the last two dimensions multiply, those before broadcast, vectors are promoted. */
export function matmulShape(op: string, a: ValueType, b: ValueType) {
  if (a.shape.length === 0 || b.shape.length === 0) throw new ShapeMismatchError({ op, expected: 'at least one dimension', actual: 'a scalar' })
  const left = a.shape.length === 1 ? [1, ...a.shape] : a.shape
  const right = b.shape.length === 1 ? [...b.shape, 1] : b.shape
  sameSize(op, 'an inner size of', left.at(-1)!, right.at(-2)!)
  const batch = broadcast(op, left.slice(0, -2), right.slice(0, -2))
  const rows = a.shape.length === 1 ? [] : [left.at(-2)!]
  const columns = b.shape.length === 1 ? [] : [right.at(-1)!]
  return [...batch, ...rows, ...columns]
}

/**
 * The product of two matrices, either of them transposed where told, and what is added to it.
 * @throws ShapeMismatchError
 */
export function gemmShape(op: string, a: ValueType, b: ValueType, c: ValueType | undefined, { transA, transB }: { readonly transA: number; readonly transB: number }): Dimension[] {
  for (const { shape } of [a, b]) if (shape.length !== 2) throw new ShapeMismatchError({ op, expected: 'matrices', actual: shape })
  const [rows, inner] = transA ? a.shape.toReversed() : a.shape
  const [other, columns] = transB ? b.shape.toReversed() : b.shape
  sameSize(op, 'an inner size of', inner!, other!)
  const shape = [rows!, columns!]
  if (c !== undefined) broadcast(op, shape, c.shape)
  return shape
}
