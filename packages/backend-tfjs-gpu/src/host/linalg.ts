import { allocate } from '@tenon/core'
import type { HostArray } from '../carrier.js'
import { hostOp } from '../op.js'
import { broadcastShape, sizeOf } from '../shapes.js'
import { offsetsInto } from './broadcast.js'
import { isWide } from './elementwise.js'

/** Of integers and doubles, which no device multiplies. */
export const MatMul = hostOp<[HostArray, HostArray]>({
  run: ([a, b]) => {
    const left = a.shape.length === 1 ? [1, ...a.shape] : a.shape
    const right = b.shape.length === 1 ? [...b.shape, 1] : b.shape
    const [rows, inner, columns] = [left.at(-2)!, left.at(-1)!, right.at(-1)!]
    const batch = broadcastShape(left.slice(0, -2), right.slice(0, -2))
    const [atA, atB] = [offsetsInto(left.slice(0, -2), batch), offsetsInto(right.slice(0, -2), batch)]
    const values = allocate(a.dtype, sizeOf(batch) * rows * columns)
    const zero = isWide(a.dtype) ? 0n : 0
    for (let index = 0; index < values.length; index++) {
      const matrix = Math.floor(index / (rows * columns))
      const row = atA(matrix) * rows * inner + (Math.floor(index / columns) % rows) * inner
      const column = atB(matrix) * inner * columns + (index % columns)
      let total: number | bigint = zero
      for (let each = 0; each < inner; each++) total = (total as number) + (a.values[row + each] as number) * (b.values[column + each * columns] as number)
      values[index] = total
    }
    return { dtype: a.dtype, shape: [...batch, ...(a.shape.length === 1 ? [] : [rows]), ...(b.shape.length === 1 ? [] : [columns])], values }
  },
})
