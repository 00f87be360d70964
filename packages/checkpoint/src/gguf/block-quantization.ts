import { bytesOf, lazyConstant, type BlockQuantization, type Origin } from '@tenon/core'
import type { BlockType } from './block-types.js'
import { halfAt } from './half.js'
import { fitMinimum, type Fit } from './requantise.js'
import type { TensorRows } from './tensor-rows.js'

/**
 * Rows stored in blocks as MatMulNBits takes them. Types without minimums keep their codes and scales, those of five and six
 * bits in eight; types with minimums are fitted to eight bits anew.
 * @param originOf What codes and scales are computed from.
 */
export function blockQuantization(type: BlockType, rows: TensorRows, originOf: (what: string) => Origin): BlockQuantization {
  const { size, bytes: length, group } = type
  const bits = type.zero !== undefined && type.bits === 4 ? 4 : 8
  const groups = rows.width / group
  const blockBytes = (group * bits) / 8
  const pack = packing(type)
  const scaling = scalesOf(type)
  const perRow = rows.width / size
  return {
    bits,
    blockSize: group,
    codes: lazyConstant('uint8', [rows.count, groups, blockBytes], async () => {
      const codes = new Uint8Array(rows.count * groups * blockBytes)
      await rows.each((bytes, from, count, row) => {
        for (let block = 0, to = row * groups * blockBytes; block < count * perRow; block++, to += (size * bits) / 8) pack(bytes, from + block * length, codes, to)
      })
      return codes
    }, originOf('codes')),
    scales: lazyConstant('float32', [rows.count, groups], async () => {
      const scales = new Float32Array(rows.count * groups)
      await rows.each((bytes, from, count, row) => {
        for (let block = 0, to = row * groups; block < count * perRow; block++, to += size / group) scaling(bytes, from + block * length, scales, to)
      })
      return bytesOf(scales)
    }, originOf('scales')),
  }
}

/** Makes something of the block at a place, and writes it to another. */
type TakeBlock<To> = (bytes: Uint8Array, from: number, to: To, at: number) => void

/** Takes blocks apart, into arrays that are used again and again. */
function opened({ size, group, unpack }: BlockType) {
  const codes = new Uint8Array(size)
  const scales = new Float32Array(size / group)
  const minimums = new Float32Array(size / group)
  return { codes, scales, minimums, unpack: (bytes: Uint8Array, from: number) => unpack(bytes, from, codes, scales, minimums) }
}

function packing(type: BlockType): TakeBlock<Uint8Array> {
  const { size, group, zero } = type
  const { codes, scales, minimums, unpack } = opened(type)
  if (zero === undefined) {
    const fit: Fit = { scale: 0, step: 0, start: 0 }
    const last = 2 ** type.bits - 1
    return (bytes, from, to, at) => {
      unpack(bytes, from)
      for (let part = 0; part < scales.length; part++) {
        fitMinimum(scales[part]!, minimums[part]!, last, fit)
        fitGroup(codes, part * group, group, fit, to, at + part * group)
      }
    }
  }
  if (type.repack !== undefined) return type.repack
  return (bytes, from, to, at) => {
    unpack(bytes, from)
    for (let index = 0; index < size; index++) to[at + index] = codes[index]! + 128 - zero
  }
}

function fitGroup(codes: Uint8Array, from: number, length: number, { step, start }: Fit, to: Uint8Array, at: number): void {
  for (let index = 0; index < length; index++) to[at + index] = Math.floor(codes[from + index]! * step + start)
}

function scalesOf(type: BlockType): TakeBlock<Float32Array> {
  const { scales, minimums, unpack } = opened(type)
  if (type.zero !== undefined) {
    if (type.scale === 'first') return (bytes, from, to, at) => void (to[at] = halfAt(bytes, from))
    return (bytes, from, to, at) => {
      unpack(bytes, from)
      to.set(scales, at)
    }
  }
  const fit: Fit = { scale: 0, step: 0, start: 0 }
  const last = 2 ** type.bits - 1
  return (bytes, from, to, at) => {
    unpack(bytes, from)
    for (let part = 0; part < scales.length; part++) {
      fitMinimum(scales[part]!, minimums[part]!, last, fit)
      to[at + part] = fit.scale
    }
  }
}
