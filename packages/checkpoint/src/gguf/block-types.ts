import { halfAt } from './half.js'

/**
 * Numbers stored in blocks (ggml-common.h, ggml-quants.c). Each number is (code − zero) · scale, or code · scale + minimum
 * where the type has minimums. Both kinds of blocks give their codes as whole bytes, in the order of the numbers.
 */
export interface BlockType {
  readonly id: number
  readonly name: string
  /** Numbers of a block. */
  readonly size: number
  readonly bytes: number
  /** Numbers that share a scale. */
  readonly group: number
  readonly bits: number
  /** The code of the number 0, where there are no minimums. */
  readonly zero?: number
  /**
   * Takes a block apart.
   * @param from Where it starts in `bytes`.
   * @param codes [size]
   * @param scales [size / group]
   * @param minimums The same; left alone where the type has none.
   */
  unpack(bytes: Uint8Array, from: number, codes: Uint8Array, scales: Float32Array, minimums: Float32Array): void
  /** Where all that a block has besides its codes is the float16 that it begins with: the scale of its one group. */
  readonly scale?: 'first'
  /** The quick way from a block to the codes that MatMulNBits has for it, of 4 bits where these are 4 and no more, or else of 8. */
  repack?(bytes: Uint8Array, from: number, to: Uint8Array, at: number): void
}

/** Low nibbles are the first half of 32 numbers, high nibbles the second. */
function nibbles(bytes: Uint8Array, from: number, codes: Uint8Array): void {
  for (let index = 0; index < 16; index++) {
    const byte = bytes[from + index]!
    codes[index] = byte & 15
    codes[index + 16] = byte >> 4
  }
}

/** The fifth bits of 32 numbers, one after another. */
function fifthBits(bytes: Uint8Array, from: number, codes: Uint8Array): void {
  for (let index = 0; index < 32; index++) codes[index]! |= ((bytes[from + (index >> 3)]! >> (index & 7)) & 1) << 4
}

const q4_0: BlockType = {
  id: 2, name: 'Q4_0', size: 32, bytes: 18, group: 32, bits: 4, zero: 8, scale: 'first',
  unpack(bytes, from, codes, scales) {
    scales[0] = halfAt(bytes, from)
    nibbles(bytes, from + 2, codes)
  },
  repack(bytes, from, to, at) {
    for (let index = 0; index < 8; index++) {
      const first = bytes[from + 2 + 2 * index]!
      const second = bytes[from + 3 + 2 * index]!
      to[at + index] = (first & 15) | (second << 4)
      to[at + 8 + index] = (first >> 4) | (second & 240)
    }
  },
}

const q4_1: BlockType = {
  id: 3, name: 'Q4_1', size: 32, bytes: 20, group: 32, bits: 4,
  unpack(bytes, from, codes, scales, minimums) {
    scales[0] = halfAt(bytes, from)
    minimums[0] = halfAt(bytes, from + 2)
    nibbles(bytes, from + 4, codes)
  },
}

const q5_0: BlockType = {
  id: 6, name: 'Q5_0', size: 32, bytes: 22, group: 32, bits: 5, zero: 16, scale: 'first',
  unpack(bytes, from, codes, scales) {
    scales[0] = halfAt(bytes, from)
    nibbles(bytes, from + 6, codes)
    fifthBits(bytes, from + 2, codes)
  },
}

const q5_1: BlockType = {
  id: 7, name: 'Q5_1', size: 32, bytes: 24, group: 32, bits: 5,
  unpack(bytes, from, codes, scales, minimums) {
    scales[0] = halfAt(bytes, from)
    minimums[0] = halfAt(bytes, from + 2)
    nibbles(bytes, from + 8, codes)
    fifthBits(bytes, from + 4, codes)
  },
}

const q8_0: BlockType = {
  id: 8, name: 'Q8_0', size: 32, bytes: 34, group: 32, bits: 8, zero: 128, scale: 'first',
  unpack(bytes, from, codes, scales) {
    scales[0] = halfAt(bytes, from)
    for (let index = 0; index < 32; index++) codes[index] = bytes[from + 2 + index]! ^ 0x80
  },
  repack(bytes, from, to, at) {
    for (let index = 0; index < 32; index++) to[at + index] = bytes[from + 2 + index]! ^ 0x80
  },
}

/**
 * Scales and minimums of the eight groups of 32, six bits each, in twelve bytes: the low six bits of the first eight are
 * the first four groups', whose high two bits belong to the last four's, and the last four bytes hold the rest of those.
 */
function scalesAndMinimums(bytes: Uint8Array, from: number, scales: Float32Array, minimums: Float32Array): void {
  const scale = halfAt(bytes, from)
  const minimum = halfAt(bytes, from + 2)
  for (let index = 0; index < 4; index++) {
    const low = bytes[from + 4 + index]!
    const middle = bytes[from + 8 + index]!
    const high = bytes[from + 12 + index]!
    scales[index] = scale * (low & 63)
    minimums[index] = -(minimum * (middle & 63))
    scales[index + 4] = scale * ((high & 15) | ((low >> 2) & 48))
    minimums[index + 4] = -(minimum * ((high >> 4) | ((middle >> 2) & 48)))
  }
}

/** 256 numbers in four pairs of groups: low nibbles are the first group of a pair, high nibbles the second. */
function pairsOfNibbles(bytes: Uint8Array, from: number, codes: Uint8Array): void {
  for (let pair = 0; pair < 4; pair++) {
    for (let index = 0; index < 32; index++) {
      const byte = bytes[from + 32 * pair + index]!
      codes[64 * pair + index] = byte & 15
      codes[64 * pair + index + 32] = byte >> 4
    }
  }
}

const q4K: BlockType = {
  id: 12, name: 'Q4_K', size: 256, bytes: 144, group: 32, bits: 4,
  unpack(bytes, from, codes, scales, minimums) {
    scalesAndMinimums(bytes, from, scales, minimums)
    pairsOfNibbles(bytes, from + 16, codes)
  },
}

const q5K: BlockType = {
  id: 13, name: 'Q5_K', size: 256, bytes: 176, group: 32, bits: 5,
  unpack(bytes, from, codes, scales, minimums) {
    scalesAndMinimums(bytes, from, scales, minimums)
    pairsOfNibbles(bytes, from + 48, codes)
    for (let index = 0; index < 32; index++) {
      const byte = bytes[from + 16 + index]! // bit n is the fifth of group n's number
      for (let group = 0; group < 8; group++) codes[32 * group + index]! |= ((byte >> group) & 1) << 4
    }
  },
}

const q6K: BlockType = {
  id: 14, name: 'Q6_K', size: 256, bytes: 210, group: 16, bits: 6, zero: 32,
  unpack(bytes, from, codes, scales) {
    // In each half, 64 bytes of low nibbles and 32 bytes of four times two high bits make 128 numbers.
    for (let half = 0; half < 2; half++) {
      const [low, high, to] = [from + 64 * half, from + 128 + 32 * half, 128 * half]
      for (let index = 0; index < 32; index++) {
        const [first, second, bits] = [bytes[low + index]!, bytes[low + 32 + index]!, bytes[high + index]!]
        codes[to + index] = (first & 15) | ((bits & 3) << 4)
        codes[to + index + 32] = (second & 15) | (((bits >> 2) & 3) << 4)
        codes[to + index + 64] = (first >> 4) | (((bits >> 4) & 3) << 4)
        codes[to + index + 96] = (second >> 4) | ((bits >> 6) << 4)
      }
    }
    const scale = halfAt(bytes, from + 208)
    for (let group = 0; group < 16; group++) scales[group] = scale * ((bytes[from + 192 + group]! << 24) >> 24)
  },
}

export const blockTypes: readonly BlockType[] = [q4_0, q4_1, q5_0, q5_1, q8_0, q4K, q5K, q6K]
