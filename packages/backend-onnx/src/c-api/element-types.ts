import type { NumericType } from '@tenon/core'

/** ONNXTensorElementDataType, numbered as TensorProto.DataType. */
export const elementTypes = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
  uint4: 21,
  int4: 22,
} as const satisfies Record<NumericType, number>

export const dataTypes = new Map(Object.entries(elementTypes).map(([dtype, element]) => [element as number, dtype as NumericType]))
