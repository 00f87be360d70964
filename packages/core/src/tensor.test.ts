import { describe, expect, it } from 'vitest'
import { allocate, byteLength, bytesOf, elementCount, inlineConstant, InvalidInputError, isHostTensor, lazyConstant, tensor, viewAs, type NumericType, type Tensor } from './index.js'

const widths: Record<NumericType, number> = {
  float64: 8, float32: 4, float16: 2, bfloat16: 2, int64: 8, int32: 4, int16: 2, int8: 1, int4: 0.5,
  uint64: 8, uint32: 4, uint16: 2, uint8: 1, uint4: 0.5, bool: 1,
}
const types = Object.entries(widths) as [NumericType, number][]

describe('sizes', () => {
  it('count elements', () => {
    expect([[], [3], [2, 3, 4], [2, 0]].map(elementCount)).toEqual([1, 3, 24, 0])
  })

  it.each(types)('of %s are %d bytes an element', (dtype, width) => {
    expect(byteLength(dtype, [2, 3])).toBe(6 * width)
    expect(byteLength(dtype, [])).toBe(Math.ceil(width))
    expect(byteLength(dtype, [0])).toBe(0)
    expect(byteLength(dtype, [5])).toBe(Math.ceil(5 * width))
    for (const count of [0, 1, 5]) expect(bytesOf(allocate(dtype, count)).byteLength).toBe(byteLength(dtype, [count]))
  })
})

describe('views', () => {
  it.each(types)('of %s bytes are the elements, wherever they start', (dtype) => {
    const array = allocate(dtype, 4)
    array[0] = dtype === 'int64' || dtype === 'uint64' ? 7n : 7
    const bytes = bytesOf(array)
    expect(viewAs(dtype, bytes)).toEqual(array)
    expect(viewAs(dtype, bytes).buffer).toBe(array.buffer)
    const shifted = new Uint8Array(bytes.byteLength + 1)
    shifted.set(bytes, 1)
    expect(viewAs(dtype, shifted.subarray(1))).toEqual(array)
    expect(viewAs(dtype, Buffer.from(shifted).subarray(1))).toEqual(array)
  })

  it('of bytes keep to their part of the buffer', () => {
    const array = Float32Array.of(1, 2, 3)
    expect(viewAs('float32', bytesOf(array.subarray(1)))).toEqual(Float32Array.of(2, 3))
  })
})

describe('tensor', () => {
  it('wraps an array without a copy', async () => {
    const values = Float32Array.of(1, 2, 3, 4)
    using made = tensor('float32', [2, 2], values)
    expect(made).toMatchObject({ dtype: 'float32', shape: [2, 2] })
    expect(made.values).toBe(values)
    expect(await made.data()).toBe(values)
  })

  it('takes scalars, nothing at all and packed nibbles', () => {
    expect(tensor('int64', [], BigInt64Array.of(1n)).values).toHaveLength(1)
    expect(tensor('float32', [0, 8], new Float32Array()).values).toHaveLength(0)
    expect(tensor('int4', [3], Uint8Array.of(0x21, 0x03)).values).toHaveLength(2)
  })

  it.each([[[2]], [[4, 1]], [[]]])('refuses three numbers in the shape %j', (shape) => {
    expect(() => tensor('float32', shape, new Float32Array(3))).toThrow(InvalidInputError)
  })

  it('tells tensors whose elements are at hand', () => {
    const made = tensor('float32', [1], new Float32Array(1))
    expect(isHostTensor(made)).toBe(true)
    const { values: _, ...elsewhere } = made
    expect(isHostTensor(elsewhere as Tensor)).toBe(false)
  })
})

describe('a constant', () => {
  it('that is inline has its bytes at hand, as a view', async () => {
    const values = Float32Array.of(1, 2, 3).subarray(1)
    const constant = inlineConstant('float32', [2], values)
    expect(constant).toMatchObject({ dtype: 'float32', shape: [2], byteLength: 8 })
    expect(constant.inline!.buffer).toBe(values.buffer)
    expect(viewAs('float32', await constant.bytes())).toEqual(values)
  })

  it('that is lazy computes its bytes each time it is asked, and not before', async () => {
    let asked = 0
    const constant = lazyConstant('int8', [2, 3], async () => (asked++, new Uint8Array(6)))
    expect(constant.byteLength).toBe(6)
    expect(constant.inline).toBeUndefined()
    expect(asked).toBe(0)
    await constant.bytes()
    await constant.bytes()
    expect(asked).toBe(2)
  })
})
