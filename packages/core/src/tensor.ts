import { bytesOf, byteLength, type ArrayOf, type NumericType, type TypedArray } from './data-type.js'
import { InvalidInputError } from './errors/invalid-input-error.js'

/** A value that goes into or comes out of an executable. It may live on a device: reading is asynchronous, freeing explicit. */
export interface Tensor<D extends NumericType = NumericType> {
  readonly dtype: D
  readonly shape: readonly number[]
  /** The elements in row-major order. The array may alias the tensor's own memory: do not keep it past disposal. */
  data(): Promise<ArrayOf[D]>
  [Symbol.dispose](): void
}

/** A tensor whose elements are in JavaScript memory already, so that a backend can take them without waiting. */
export interface HostTensor<D extends NumericType = NumericType> extends Tensor<D> {
  readonly values: ArrayOf[D]
}

/**
 * Wraps a typed array, without copying it.
 * @throws InvalidInputError when the array's length is not the shape's.
 */
export function tensor<D extends NumericType>(dtype: D, shape: readonly number[], values: ArrayOf[D]): HostTensor<D> {
  const expected = byteLength(dtype, shape)
  if (bytesOf(values as TypedArray).byteLength !== expected) {
    throw new InvalidInputError({
      what: `a ${dtype} tensor of shape [${shape.join(', ')}]`,
      problem: `holds ${expected} bytes, and the array has ${values.byteLength}`,
      remedy: 'pass an array whose length is the product of the shape',
    })
  }
  return { dtype, shape, values, data: async () => values, [Symbol.dispose]() {} }
}

export function isHostTensor<D extends NumericType>(value: Tensor<D>): value is HostTensor<D> {
  return 'values' in value
}
