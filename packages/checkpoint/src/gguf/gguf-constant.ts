import { basename } from 'node:path'
import { byteLength, bytesOf, lazyConstant, type Constant, type Origin } from '@tenon/core'
import { blockQuantization } from './block-quantization.js'
import type { GgufFile } from './gguf-file.js'
import type { GgufTensor } from './gguf-header.js'
import { tensorRows, type Arrangement, type TensorRows } from './tensor-rows.js'
import type { TensorType } from './tensor-types.js'
import { widenInto } from './widen-rows.js'

/** A constant of a GGUF file. */
export interface GgufConstant extends Constant {
  readonly gguf: {
    /** ggml's name for how its numbers are stored: `'Q4_K'`. */
    readonly type: string
    /** What they are run as: in blocks, which hold the numbers exactly or rounded anew, or in floats. */
    readonly as: 'exact' | 'requantised' | 'float'
    /** In the file. */
    readonly bytes: number
  }
}

/**
 * A tensor, or some rows of it, as a constant. Its bytes are the file's own numbers: plain ones as they are stored, blocks as
 * float32. A matrix stored in blocks has `blocks`, too, whose rows are those of the file. Nothing is read before it is asked for.
 */
export function ggufConstant(file: GgufFile, tensor: GgufTensor, arrangement: Arrangement): GgufConstant {
  const { name: type, dtype, blocks } = tensor.type
  const { shape, rowTo, transposed = false } = arrangement
  const rows = tensorRows(file, tensor, arrangement)
  const bytes = rows.count * rows.bytes
  // How rows move follows from the config, which a checkpoint has one of.
  const originOf = (what: string): Origin => ({ how: `gguf 1: ${what} of ${type} at ${tensor.offset} in ${basename(file.path)}, ${shape.join(' × ')} from row ${arrangement.first ?? 0}${rowTo === undefined ? '' : ', moved'}`, files: [file.path] })
  if (dtype !== undefined && !transposed) {
    const length = byteLength(dtype, shape)
    const gguf = { type, as: 'float', bytes } as const
    if (rowTo !== undefined) return { ...lazyConstant(dtype, shape, () => moved(rows), originOf('rows')), gguf }
    const offset = tensor.offset + (arrangement.first ?? 0) * rows.bytes
    return { dtype, shape, byteLength: length, file: { path: file.path, offset }, bytes: () => file.read(offset, length), gguf }
  }
  const constant = lazyConstant('float32', shape, () => (transposed ? turned(tensor.type, rows) : widened(tensor.type, rows)), originOf(transposed ? 'columns' : 'numbers'))
  if (blocks === undefined || shape.length !== 2) return { ...constant, gguf: { type, as: 'float', bytes } }
  return { ...constant, blocks: { ...blockQuantization(blocks, rows, originOf), ...(transposed && { transposed }) }, gguf: { type, as: blocks.zero === undefined ? 'requantised' : 'exact', bytes } }
}

async function moved(rows: TensorRows): Promise<Uint8Array> {
  const result = new Uint8Array(rows.count * rows.bytes)
  await rows.each((bytes, from, count, row) => result.set(bytes.subarray(from, from + count * rows.bytes), row * rows.bytes))
  return result
}

async function widened(type: TensorType, rows: TensorRows): Promise<Uint8Array> {
  const values = new Float32Array(rows.count * rows.width)
  await rows.each((bytes, from, count, row) => widenInto(type, bytes, from, count * rows.width, values, row * rows.width))
  return bytesOf(values)
}

/** Rows become columns. */
async function turned(type: TensorType, rows: TensorRows): Promise<Uint8Array> {
  const values = new Float32Array(rows.count * rows.width)
  const one = new Float32Array(rows.width)
  await rows.each((bytes, from, count, row) => {
    for (let index = 0; index < count; index++) {
      widenInto(type, bytes, from + index * rows.bytes, rows.width, one, 0)
      for (let column = 0, to = row + index; column < rows.width; column++, to += rows.count) values[to] = one[column]!
    }
  })
  return bytesOf(values)
}
