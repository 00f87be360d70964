import { elementCount, InvalidInputError, tensor, type HostTensor, type Node } from '@tenon/core'
import { broadcast } from '@tenon/graph'

export type Floats = HostTensor<'float32'>
export type Kernel = (node: Node, a: Floats, b: Floats) => HostTensor

/** What the backend computes itself. */
export const kernels: Readonly<Record<string, Kernel>> = {
  Identity: (_, { dtype, shape, values }) => tensor(dtype, shape, values.slice()), // outputs belong to whoever ran the graph
  Add: elementwise((x, y) => x + y),
  Mul: elementwise((x, y) => x * y),
  Pow: elementwise((x, y) => x ** y),
  Gather(_, table, rows: HostTensor) {
    const size = elementCount(table.shape.slice(1))
    const picked = Array.from(rows.values as BigInt64Array, (row) => rowOf(Number(row), table.shape[0]!))
    return floats([...rows.shape, ...table.shape.slice(1)], (at) => table.values[picked[Math.floor(at / size)]! * size + (at % size)]!)
  },
  ReduceSum({ attributes }, x, axes?: HostTensor) {
    const listed = Array.from((axes?.values ?? []) as BigInt64Array, (axis) => (Number(axis) + x.shape.length) % x.shape.length)
    const reduced = x.shape.map((_, axis) => (listed.length > 0 ? listed.includes(axis) : !attributes['noop_with_empty_axes']))
    const kept = x.shape.map((size, axis) => (reduced[axis] ? 1 : size))
    const sums = new Float64Array(elementCount(kept))
    x.values.forEach((value, at) => (sums[placeIn(kept, x.shape, at)]! += value))
    return floats(attributes['keepdims'] === 0 ? x.shape.filter((_, axis) => !reduced[axis]) : kept, (at) => sums[at]!)
  },
}

/** From the end where it is negative. */
function rowOf(row: number, rows: number): number {
  if (row < -rows || row >= rows) throw new InvalidInputError({ what: 'the indices of Gather', problem: `hold ${row}, and there are ${rows} rows`, remedy: 'pass indices of rows that there are' })
  return row < 0 ? row + rows : row
}

const floats = (shape: readonly number[], valueAt: (at: number) => number): Floats => tensor('float32', shape, Float32Array.from({ length: elementCount(shape) }, (_, at) => valueAt(at)))

function elementwise(compute: (x: number, y: number) => number): Kernel {
  return ({ op }, a, b) => {
    const shape = broadcast(op, a.shape, b.shape) as number[]
    return floats(shape, (at) => compute(a.values[placeIn(a.shape, shape, at)]!, b.values[placeIn(b.shape, shape, at)]!))
  }
}

/** Where the element lies, in a tensor of shape `own`, that broadcasting puts at place `at` of a tensor of `shape`. */
function placeIn(own: readonly number[], shape: readonly number[], at: number): number {
  let [place, stride, rest] = [0, 1, at]
  for (let back = 1; back <= own.length; back++) {
    if (own.at(-back) !== 1) place += (rest % shape.at(-back)!) * stride
    stride *= own.at(-back)!
    rest = Math.floor(rest / shape.at(-back)!)
  }
  return place
}
