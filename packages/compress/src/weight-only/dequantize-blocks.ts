import { bytesOf, combinedOrigin, lazyConstant, viewAs, type BlockQuantization, type Constant } from '@tenon/core'
import { sourceOf } from '../weights/source-of.js'

/** The numbers that blocks stand for, computed when asked for: float32 [rows, columns] */
export function dequantizeBlocks({ bits, blockSize, codes, scales, zeroPoints }: BlockQuantization, rows: number, columns: number): Constant<'float32'> {
  return lazyConstant('float32', [rows, columns], async () => {
    const code = viewAs('uint8', await codes.bytes())
    const scale = viewAs('float32', await scales.bytes())
    const zeros = zeroPoints && viewAs('uint8', await zeroPoints.bytes())
    const blocks = Math.ceil(columns / blockSize)
    const blockBytes = (blockSize * bits) / 8
    const zeroBytes = Math.ceil((blocks * bits) / 8)
    const result = new Float32Array(rows * columns)
    for (let row = 0; row < rows; row++) {
      for (let block = 0; block < blocks; block++) {
        const packed = zeros === undefined ? 0 : zeros[row * zeroBytes + ((block * bits) >> 3)]!
        const zero = zeros === undefined ? 2 ** (bits - 1) : bits === 8 ? packed : (packed >> (4 * (block & 1))) & 15
        const factor = scale[row * blocks + block]!
        const from = (row * blocks + block) * blockBytes
        const to = row * columns + block * blockSize
        const length = Math.min(blockSize, columns - block * blockSize)
        if (bits === 8) for (let index = 0; index < length; index++) result[to + index] = (code[from + index]! - zero) * factor
        else for (let index = 0; index < length; index++) result[to + index] = (((code[from + (index >> 1)]! >> (4 * (index & 1))) & 15) - zero) * factor
      }
    }
    return bytesOf(result)
  }, combinedOrigin(`numbers of ${bits} bits in blocks of ${blockSize}:`, [codes, scales, ...(zeroPoints ? [zeroPoints] : [])].map(sourceOf)))
}
