import type * as FileSystem from 'node:fs'

/** How a matrix is made smaller. */
export type Recipe =
  /** In blocks along the inner dimension, as MatMulNBits has them: codes [out, blocks, bytes of a block] and scales [out, blocks]. */
  | { readonly kind: 'blocks'; readonly bits: 4 | 8; readonly blockSize: number }
  /** Signed bytes with a scale per output channel. */
  | { readonly kind: 'channels' }
  /** float16, rounded to nearest; what is too large becomes the largest. */
  | { readonly kind: 'half' }
  /** float32, of the values that 16 bits have: those that are stored, and of float32 those that `half` rounds to. */
  | { readonly kind: 'wide' }

/** A piece of work for a thread: plain data, all of it. */
export interface Job {
  readonly recipe: Recipe
  /** Where the numbers are: their bytes, or where these lie in a file. */
  readonly source: { readonly path: string; readonly offset: number } | { readonly bytes: Uint8Array }
  readonly dtype: 'float32' | 'float16' | 'bfloat16'
  /** Of the numbers at the source, which may be some rows of a matrix only. */
  readonly rows: number
  readonly columns: number
  /** Which axis counts the output channels. */
  readonly axis: 0 | 1
  /** Whether bytes of channels come out the other way round than the numbers lie. */
  readonly transpose: boolean
  /** What to multiply each input channel by first. */
  readonly inputScales?: Float32Array | undefined
  /** Where to write each part of the result, instead of giving it back. */
  readonly target?: { readonly path: string; readonly offsets: readonly number[] } | undefined
}

export interface Outcome {
  /** The parts of the result; empty where they were written. */
  readonly parts: readonly Uint8Array[]
  /** CRC-32 of each part. */
  readonly checksums: readonly number[]
}

/** What `perform` throws where the weights are at fault. */
export const NOT_FINITE = 'TENON_NOT_FINITE'
/** What it throws, before the name of the system's error, where the target is. */
export const NOT_WRITTEN = 'TENON_NOT_WRITTEN'

/** What a quantiser needs of Node. */
interface Tools {
  readonly fs: Pick<typeof FileSystem, 'openSync' | 'readSync' | 'writeSync' | 'closeSync'>
  readonly crc32: (bytes: Uint8Array) => number
}

/**
 * The arithmetic, in one function that refers to nothing outside itself: threads are given its source text, which needs no file that
 * would have to be found from sources, ES modules, CommonJS and bundles alike.
 */
export function quantizer({ fs, crc32 }: Tools): { perform(job: Job): Outcome } {
  /** The values of float16, by their bits (IEEE 754-2019, binary16). */
  let halves: Float32Array | undefined

  function perform(job: Job): Outcome {
    const { recipe, rows, columns, axis, transpose, inputScales, target } = job
    let values = widened(job.dtype, 'bytes' in job.source ? job.source.bytes : read(job.source.path, job.source.offset, rows * columns * (job.dtype === 'float32' ? 4 : 2)))
    if (inputScales !== undefined) values = scaled(values, rows, columns, axis, inputScales)
    const parts = made(recipe)
    const checksums = parts.map((part) => crc32(part))
    if (target === undefined) return { parts, checksums }
    write(target.path, parts, target.offsets)
    return { parts: [], checksums }

    function made(recipe: Recipe): Uint8Array[] {
      if (recipe.kind === 'half') return [narrowed(values)]
      if (recipe.kind === 'wide') return [bytesOf(job.dtype === 'float32' ? widened('float16', narrowed(values)) : finite(values))]
      if (recipe.kind === 'channels') return channels(values, rows, columns, axis, transpose)
      return blocks(axis === 0 ? values : transposed(values, rows, columns), axis === 0 ? rows : columns, recipe.bits, recipe.blockSize)
    }
  }

  function read(path: string, offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    const file = fs.openSync(path, 'r')
    try {
      for (let done = 0; done < length; ) {
        const count = fs.readSync(file, bytes, done, Math.min(length - done, 2 ** 30), offset + done)
        if (count === 0) throw new Error(`${path} ends at byte ${offset + done}, and weights are said to lie there`)
        done += count
      }
    } finally {
      fs.closeSync(file)
    }
    return bytes
  }

  function write(path: string, parts: readonly Uint8Array[], offsets: readonly number[]): void {
    try {
      const file = fs.openSync(path, 'r+')
      try {
        parts.forEach((part, index) => {
          for (let done = 0; done < part.length; ) done += fs.writeSync(file, part, done, Math.min(part.length - done, 2 ** 30), offsets[index]! + done)
        })
      } finally {
        fs.closeSync(file)
      }
    } catch (error) {
      throw new Error(`TENON_NOT_WRITTEN ${error instanceof Error ? error.message : String(error)}`, { cause: error })
    }
  }

  function widened(dtype: Job['dtype'], bytes: Uint8Array): Float32Array {
    const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice()
    if (dtype === 'float32') return new Float32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 4)
    const stored = new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 2)
    if (dtype === 'bfloat16') {
      const words = new Uint32Array(stored.length)
      for (let index = 0; index < stored.length; index++) words[index] = stored[index]! << 16
      return new Float32Array(words.buffer)
    }
    const table = (halves ??= halfTable())
    const values = new Float32Array(stored.length)
    for (let index = 0; index < stored.length; index++) values[index] = table[stored[index]!]!
    return values
  }

  function bytesOf(values: Float32Array): Uint8Array {
    return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  }

  function finite(values: Float32Array): Float32Array {
    const words = new Uint32Array(values.buffer, values.byteOffset, values.length)
    for (let index = 0; index < words.length; index++) if ((words[index]! & 0x7f800000) === 0x7f800000) throw new Error('TENON_NOT_FINITE')
    return values
  }

  function halfTable(): Float32Array {
    const table = new Float32Array(65536)
    for (let bits = 0; bits < 65536; bits++) {
      const exponent = (bits >> 10) & 0x1f
      const fraction = bits & 0x3ff
      const size = exponent === 0 ? fraction * 2 ** -24 : exponent === 31 ? (fraction === 0 ? Infinity : NaN) : (1 + fraction / 1024) * 2 ** (exponent - 15)
      table[bits] = bits & 0x8000 ? -size : size
    }
    return table
  }

  /** Ties go to the even neighbour. */
  function narrowed(values: Float32Array): Uint8Array {
    const words = new Uint32Array(values.buffer, values.byteOffset, values.length)
    const result = new Uint16Array(values.length)
    for (let index = 0; index < words.length; index++) {
      const word = words[index]!
      const size = word & 0x7fffffff
      if (size >= 0x7f800000) throw new Error('TENON_NOT_FINITE')
      let half: number
      if (size < 0x38800000) {
        // Below 2^-14 the step is 2^-24.
        const steps = Math.abs(values[index]!) * 2 ** 24
        half = Math.floor(steps)
        const rest = steps - half
        if (rest > 0.5 || (rest === 0.5 && half % 2 === 1)) half++
      } else half = Math.min(((size + 0xfff + ((size >>> 13) & 1)) >>> 13) - (112 << 10), 0x7bff)
      result[index] = ((word >>> 16) & 0x8000) | half
    }
    return new Uint8Array(result.buffer)
  }

  function scaled(values: Float32Array, rows: number, columns: number, axis: 0 | 1, scales: Float32Array): Float32Array {
    const result = new Float32Array(values.length)
    for (let row = 0, at = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++, at++) result[at] = values[at]! * scales[axis === 0 ? column : row]!
    }
    return result
  }

  /** In tiles, so that what is read and what is written both stay in the processor's cache. */
  function transposed(values: Float32Array, rows: number, columns: number): Float32Array {
    const result = new Float32Array(values.length)
    for (let start = 0; start < rows; start += 32) {
      const end = Math.min(start + 32, rows)
      for (let column = 0; column < columns; column++) for (let row = start; row < end; row++) result[column * rows + row] = values[row * columns + column]!
    }
    return result
  }

  function blocks(values: Float32Array, rows: number, bits: 4 | 8, size: number): Uint8Array[] {
    const columns = values.length / rows
    const perRow = Math.ceil(columns / size)
    const codes = new Uint8Array((rows * perRow * size * bits) / 8)
    const scales = new Float32Array(rows * perRow)
    const padded = columns % size === 0 ? undefined : new Float32Array(size)
    const quantize = bits === 4 ? nibbles : bytes
    for (let row = 0, block = 0; row < rows; row++) {
      for (let start = 0; start < columns; start += size, block++) {
        const at = row * columns + start
        if (start + size <= columns) scales[block] = quantize(values, at, size, codes, (block * size * bits) / 8)
        else {
          padded!.fill(0).set(values.subarray(at, (row + 1) * columns))
          scales[block] = quantize(padded!, 0, size, codes, (block * size * bits) / 8)
        }
        if (!(Math.abs(scales[block]!) < Infinity)) throw new Error('TENON_NOT_FINITE')
      }
    }
    return [codes, new Uint8Array(scales.buffer)]
  }

  /**
   * −8 to 7, where the number of largest magnitude is at −7.2, −8 or −8.7: the one that comes nearest to the block with the scale
   * that suits it best, in least squares. Gives that scale.
   */
  function nibbles(values: Float32Array, at: number, size: number, codes: Uint8Array, to: number): number {
    const end = at + size
    let highest = values[at]!
    let lowest = highest
    for (let index = at + 1; index < end; index++) {
      const value = values[index]!
      if (value > highest) highest = value
      else if (value < lowest) lowest = value
    }
    const extreme = highest > -lowest ? highest : lowest
    const inverse = extreme === 0 ? 0 : 1 / extreme
    const near = -7.2 * inverse
    const full = -8 * inverse
    const far = -8.7 * inverse
    let nearProduct = 0
    let nearSquare = 0
    let fullProduct = 0
    let fullSquare = 0
    let farProduct = 0
    let farSquare = 0
    for (let index = at; index < end; index++) {
      const value = values[index]!
      const one = ((value * near + 8.5) | 0) - 8
      nearProduct += value * one
      nearSquare += one * one
      let two = ((value * full + 8.5) | 0) - 8
      if (two > 7) two = 7
      fullProduct += value * two
      fullSquare += two * two
      let three = ((value * far + 8.5) | 0) - 8
      if (three > 7) three = 7
      farProduct += value * three
      farSquare += three * three
    }
    // With the scale product / square, the squared error is what is constant less product² / square.
    let best = near
    let product = nearProduct
    let square = nearSquare
    if (fullProduct * fullProduct * square > product * product * fullSquare) {
      best = full
      product = fullProduct
      square = fullSquare
    }
    if (farProduct * farProduct * square > product * product * farSquare) {
      best = far
      product = farProduct
      square = farSquare
    }
    for (let index = at; index < end; index += 2) {
      let low = (values[index]! * best + 8.5) | 0
      if (low > 15) low = 15
      let high = (values[index + 1]! * best + 8.5) | 0
      if (high > 15) high = 15
      codes[to++] = low | (high << 4)
    }
    return square === 0 ? product : product / square
  }

  /** −127 to 127, offset by 128. Gives the scale. */
  function bytes(values: Float32Array, at: number, size: number, codes: Uint8Array, to: number): number {
    let largest = 0
    let sum = 0
    for (let index = at; index < at + size; index++) {
      const value = Math.abs(values[index]!)
      sum += value
      if (value > largest) largest = value
    }
    const scale = Math.fround(largest / 127)
    const inverse = scale === 0 ? 0 : 1 / scale
    for (let index = at; index < at + size; index++) codes[to++] = (values[index]! * inverse + 128.5) | 0
    return sum < Infinity ? scale : NaN
  }

  /** −127 to 127: a weight and its negative are equally exact, and 0 is exact. */
  function channels(values: Float32Array, rows: number, columns: number, axis: 0 | 1, transpose: boolean): Uint8Array[] {
    const scales = new Float32Array(axis === 0 ? rows : columns)
    for (let row = 0, at = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++, at++) {
        const channel = axis === 0 ? row : column
        const size = Math.abs(values[at]!)
        if (size > scales[channel]! || Number.isNaN(size)) scales[channel] = size // and NaN stays
      }
    }
    for (let channel = 0; channel < scales.length; channel++) {
      const largest = scales[channel]!
      if (!(largest < Infinity)) throw new Error('TENON_NOT_FINITE')
      // 2^-126 is the smallest number that no processor flushes to 0.
      scales[channel] = largest === 0 ? 1 : Math.max(largest / 127, 2 ** -126)
    }
    const result = new Int8Array(values.length)
    for (let start = 0; start < rows; start += 64) {
      const end = Math.min(start + 64, rows)
      if (transpose) {
        for (let column = 0; column < columns; column++) {
          for (let row = start; row < end; row++) result[column * rows + row] = ((values[row * columns + column]! / scales[axis === 0 ? row : column]!) + 128.5 | 0) - 128
        }
      } else {
        for (let row = start, at = start * columns; row < end; row++) {
          for (let column = 0; column < columns; column++, at++) result[at] = ((values[at]! / scales[axis === 0 ? row : column]!) + 128.5 | 0) - 128
        }
      }
    }
    return [new Uint8Array(result.buffer), new Uint8Array(scales.buffer)]
  }

  return { perform }
}
