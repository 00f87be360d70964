import { viewAs, type NumericType } from '@tenon/core'
import type { BlockType } from './block-types.js'
import { halfAt } from './half.js'
import type { TensorType } from './tensor-types.js'

/** Writes `count` numbers, stored from the byte `from` on, as float32 into `values` from `at` on: as ggml and gguf-py do, bit for bit. */
export function widenInto(type: TensorType, bytes: Uint8Array, from: number, count: number, values: Float32Array, at: number): void {
  if (type.blocks !== undefined) widenBlocks(type.blocks, bytes, from, count / type.blockSize, values, at)
  else widenPlain(type.dtype!, bytes.subarray(from, from + count * type.blockBytes), values, at)
}

function widenBlocks({ size, bytes: length, group, zero, unpack }: BlockType, bytes: Uint8Array, from: number, count: number, values: Float32Array, at: number): void {
  const codes = new Uint8Array(size)
  const scales = new Float32Array(size / group)
  const minimums = new Float32Array(size / group).fill(-0) // what changes nothing, not even the sign of a zero
  for (let block = 0; block < count; block++) {
    unpack(bytes, from + block * length, codes, scales, minimums)
    for (let part = 0; part < scales.length; part++) scaleGroup(codes, part * group, group, zero ?? 0, scales[part]!, minimums[part]!, values, at + block * size + part * group)
  }
}

function scaleGroup(codes: Uint8Array, start: number, length: number, zero: number, scale: number, minimum: number, values: Float32Array, at: number): void {
  for (let index = 0; index < length; index++) values[at + index] = (codes[start + index]! - zero) * scale + minimum
}

function widenPlain(dtype: NumericType, bytes: Uint8Array, values: Float32Array, at: number): void {
  if (dtype === 'float16') for (let index = 0; index < bytes.length; index += 2) values[at++] = halfAt(bytes, index)
  else if (dtype === 'bfloat16') {
    const bits = new Uint32Array(values.buffer, values.byteOffset + 4 * at, bytes.length / 2) // the upper half of a float32
    for (let index = 0; index < bits.length; index++) bits[index] = (bytes[2 * index]! << 16) | (bytes[2 * index + 1]! << 24)
  } else for (const number of viewAs(dtype, bytes)) values[at++] = Number(number)
}
