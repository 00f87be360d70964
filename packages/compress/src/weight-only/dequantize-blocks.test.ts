import { lazyConstant, type BlockQuantization } from '@tenon/core'
import { expect, it } from 'vitest'
import { dequantizeBlocks } from './dequantize-blocks.js'

const lazy = <D extends 'uint8' | 'float32'>(dtype: D, shape: readonly number[], origin?: { how: string; files: string[] }) => lazyConstant(dtype, shape, () => Promise.reject(new Error('nobody asks')), origin)

it('numbers of blocks are known by all that the blocks are made of, in words that kept files were found by before', () => {
  const blocks: BlockQuantization = {
    bits: 4,
    blockSize: 32,
    codes: { ...lazy('uint8', [8, 2, 16]), file: { path: '/models/weights.bin', offset: 64 } },
    scales: lazy('float32', [8, 2], { how: 'scales of Q4_1', files: ['/models/other.gguf'] }),
  }
  expect(dequantizeBlocks(blocks, 8, 64).origin).toEqual({ how: 'numbers of 4 bits in blocks of 32: (uint8 at 64 in weights.bin), (scales of Q4_1)', files: ['/models/weights.bin', '/models/other.gguf'] })
  expect(dequantizeBlocks({ ...blocks, zeroPoints: lazy('uint8', [8, 1], { how: 'zeros', files: ['/models/other.gguf'] }) }, 8, 64).origin?.how).toBe('numbers of 4 bits in blocks of 32: (uint8 at 64 in weights.bin), (scales of Q4_1), (zeros)')
  expect(dequantizeBlocks({ ...blocks, scales: lazy('float32', [8, 2]) }, 8, 64).origin).toBeUndefined()
})
