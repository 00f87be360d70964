import type { Constant } from '@tenon/core'
import { derive } from './weights/derive.js'

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
  const [values, scales] = derive({
    recipe: { kind: 'channels' },
    weight,
    axis,
    transpose,
    inputScales,
    parts: [
      { dtype: 'int8', shape: transpose ? [columns, rows] : [rows, columns] },
      { dtype: 'float32', shape: [weight.shape[axis]!] },
    ],
  })
  return { values: values as Constant<'int8'>, scales: scales as Constant<'float32'> }
}

/** The smallest float32 that no processor flushes to 0. Subnormal scales would also be too coarse to keep a channel within 127 of them. */
export const SMALLEST_NORMAL = 2 ** -126

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
