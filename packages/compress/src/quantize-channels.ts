import { bytesOf, lazyConstant, viewAs, type Constant } from '@tenon/core'

/** Symmetric, −127 to 127: a weight and its negative are equally exact, and 0 is exact. */
const LARGEST = 127

/** A float32 matrix as signed bytes, one scale per channel; both computed when asked for. */
export interface QuantizedChannels {
  /** [inputs, channels]: the layout of a matrix product's right side; or [channels, inputs], a table's. */
  readonly values: Constant<'int8'>
  /** [channels] */
  readonly scales: Constant<'float32'>
}

export interface ChannelLayout {
  /** Which axis of the matrix counts the channels. */
  readonly axis: 0 | 1
  /** Whether the bytes come out transposed. */
  readonly transpose: boolean
}

/** Quantises each channel of a matrix by its own largest magnitude. */
export function quantizeChannels(weight: Constant, { axis, transpose }: ChannelLayout): QuantizedChannels {
  const [rows, columns] = weight.shape as readonly [number, number]
  const channels = weight.shape[axis]!
  const shape = transpose ? [columns, rows] : [rows, columns]
  const read = async () => viewAs('float32', await weight.bytes())
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
    scales: lazyConstant('float32', [channels], async () => bytesOf(scalesOf(await read(), rows, columns, axis))),
  }
}

/** Largest magnitude of each channel over 127; 1 for a channel of zeros, which every scale represents. */
function scalesOf(source: Float32Array, rows: number, columns: number, axis: 0 | 1): Float32Array {
  const scales = new Float32Array(axis === 0 ? rows : columns)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const channel = axis === 0 ? row : column
      scales[channel] = Math.max(scales[channel]!, Math.abs(source[row * columns + column]!))
    }
  }
  return scales.map((largest) => (largest === 0 ? 1 : largest / LARGEST))
}
