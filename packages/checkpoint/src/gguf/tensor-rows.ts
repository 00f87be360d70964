import type { GgufFile } from './gguf-file.js'
import type { GgufTensor } from './gguf-header.js'

/** Which part of a tensor is meant, and how its rows lie there. */
export interface Arrangement {
  readonly shape: readonly number[]
  /** Rows of the tensor before it. */
  readonly first?: number
  /** Where a row goes. Default: where it is. */
  readonly rowTo?: ((row: number) => number) | undefined
  /** Whether columns become rows: the shape is then that of the result. */
  readonly transposed?: boolean
}

/** Takes rows as they are stored: `count` of them from the byte `from` on, which go to `row` and after. */
type TakeRows = (bytes: Uint8Array, from: number, count: number, row: number) => void

/** Some rows of a tensor, still in the file. */
export interface TensorRows {
  readonly count: number
  /** Numbers of a row. */
  readonly width: number
  /** Bytes of a row. */
  readonly bytes: number
  /** Reads them, some megabytes at a time. */
  each(take: TakeRows): Promise<void>
}

/** Bytes of a file that are worked on at a time: a few milliseconds, between which others have their turn. */
const pieceLength = 2 ** 20

export function tensorRows(file: Pick<GgufFile, 'read'>, { type, shape, offset }: GgufTensor, { shape: wanted, first = 0, rowTo }: Arrangement): TensorRows {
  const width = rowTo !== undefined && shape.length === 1 ? 1 : (shape.at(-1) ?? 1) // of a bias, each number goes with a row of its matrix
  const bytes = (width / type.blockSize) * type.blockBytes
  const count = width === 0 ? 0 : wanted.reduce((product, size) => product * size, 1) / width
  const start = offset + first * bytes
  const most = Math.max(1, Math.floor(pieceLength / bytes))
  return {
    count,
    width,
    bytes,
    async each(take) {
      for (let row = 0; row < count; row += most) {
        const rows = Math.min(most, count - row)
        const piece = await file.read(start + row * bytes, rows * bytes)
        if (rowTo === undefined) take(piece, 0, rows, row)
        else for (let index = 0; index < rows; index++) take(piece, index * bytes, 1, rowTo(row + index))
      }
    },
  }
}
