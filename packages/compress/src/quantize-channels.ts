import { bytesOf, lazyConstant, viewAs, type Constant } from '@tenon/core'

/** Symmetric, −127 to 127: a weight and its negative are equally exact, and 0 is exact. */
const LARGEST = 127

/** A way to read a matrix: which axis counts its output channels, each with a scale of its own, and whether the bytes come out transposed. */
export interface ChannelLayout {
  readonly axis: 0 | 1
  readonly transpose: boolean
  /** Behind the weight's name: tells apart the bytes of one that is read in several ways. */
  readonly suffix: string
}

/** A float32 matrix as signed bytes, one scale per channel; both computed when asked for. */
export interface QuantizedChannels {
  readonly values: Constant<'int8'>
  /** [channels] */
  readonly scales: Constant<'float32'>
}

/**
 * Quantises each channel of a matrix by its own largest magnitude.
 * @param inputScales Multiplies the other axis first: what the inputs were divided by.
 */
export function quantizeChannels(weight: Constant, { axis, transpose }: Pick<ChannelLayout, 'axis' | 'transpose'>, inputScales?: () => Promise<Float32Array>): QuantizedChannels {
  const [rows, columns] = weight.shape as readonly [number, number]
  const shape = transpose ? [columns, rows] : [rows, columns]
  const read = async () => {
    const source = viewAs('float32', await weight.bytes())
    return inputScales === undefined ? source : multiply(source, rows, columns, axis, await inputScales())
  }
  return {
    values: lazyConstant('int8', shape, async () => {
      const source = await read()
      const scales = scalesOf(source, rows, columns, axis)
      const result = new Int8Array(source.length)
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++) {
          const scaled = source[row * columns + column]! / scales[axis === 0 ? row : column]!
          result[transpose ? column * rows + row : row * columns + column] = Math.round(scaled)
        }
      }
      return bytesOf(result)
    }),
    scales: lazyConstant('float32', [weight.shape[axis]!], async () => bytesOf(scalesOf(await read(), rows, columns, axis))),
  }
}

function multiply(source: Float32Array, rows: number, columns: number, axis: 0 | 1, scales: Float32Array): Float32Array {
  const result = new Float32Array(source.length)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      result[row * columns + column] = source[row * columns + column]! * scales[axis === 0 ? column : row]!
    }
  }
  return result
}

/** The smallest float32 that no processor flushes to 0. Subnormal scales would also be too coarse to keep a channel within 127 of them. */
export const SMALLEST_NORMAL = 2 ** -126

/** Largest magnitude of each channel over 127; 1 for a channel of zeros, which every scale represents. */
function scalesOf(source: Float32Array, rows: number, columns: number, axis: 0 | 1): Float32Array {
  return largestOf(source, rows, columns, axis).map((largest) => (largest === 0 ? 1 : Math.max(largest / LARGEST, SMALLEST_NORMAL)))
}

/** Largest magnitude along the other axis than `axis`. */
export function largestOf(source: Float32Array, rows: number, columns: number, axis: 0 | 1): Float32Array {
  const result = new Float32Array(axis === 0 ? rows : columns)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const channel = axis === 0 ? row : column
      result[channel] = Math.max(result[channel]!, Math.abs(source[row * columns + column]!))
    }
  }
  return result
}
