import type { DataType } from '@tenon/core'
import type { AttributeSpec } from '../op.js'

/** What is written: of ONNX 1.16, the first whose op versions the records follow throughout. */
export const OPSET = 21
/** What is read: from the first that broadcasts as NumPy does, to the last in which no operator told here changed its meaning. */
export const OLDEST_OPSET = 7
export const NEWEST_OPSET = 26
/** The file format that goes with it. */
export const IR_VERSION = 10
/** Version of every operator set but ONNX's own. */
export const CONTRIB_OPSET = 1

/** Field numbers of onnx.proto, as published with ONNX 1.16. */
export const field = {
  model: { irVersion: 1, producerName: 2, producerVersion: 3, graph: 7, opsetImport: 8, trainingInfo: 20, functions: 25 },
  opset: { domain: 1, version: 2 },
  graph: { node: 1, name: 2, initializer: 5, input: 11, output: 12, sparseInitializer: 15 },
  node: { input: 1, output: 2, name: 3, opType: 4, attribute: 5, domain: 7, overload: 8 },
  attribute: { name: 1, f: 2, i: 3, s: 4, t: 5, g: 6, floats: 7, ints: 8, type: 20, refAttrName: 21 },
  function: { name: 1, input: 4, output: 5, node: 7, opsetImport: 9, domain: 10, attributeProto: 11, overload: 13 },
  tensor: { dims: 1, dataType: 2, floatData: 4, int32Data: 5, int64Data: 7, name: 8, rawData: 9, doubleData: 10, uint64Data: 11, externalData: 13, dataLocation: 14 },
  entry: { key: 1, value: 2 },
  valueInfo: { name: 1, type: 2 },
  type: { tensor: 1, others: [4, 5, 8, 9] },
  tensorType: { elementType: 1, shape: 2 },
  shape: { dim: 1 },
  dimension: { value: 1, param: 2 },
} as const

/** `TensorProto.DataLocation.EXTERNAL`. */
export const EXTERNAL = 1

/** `TensorProto.DataType`. */
export const typeCodes: Record<DataType, number> = {
  float32: 1, uint8: 2, int8: 3, uint16: 4, int16: 5, int32: 6, int64: 7, string: 8, bool: 9, float16: 10, float64: 11,
  uint32: 12, uint64: 13, bfloat16: 16, uint4: 21, int4: 22,
}
export const typeNames: ReadonlyMap<number, DataType> = new Map(Object.entries(typeCodes).map(([name, code]) => [code, name as DataType]))

/** `AttributeProto.AttributeType`. A dtype travels as an integer. */
export const attributeCodes: Record<AttributeSpec['type'], number> = { float: 1, int: 2, dtype: 2, string: 3, tensor: 4, floats: 6, ints: 7 }

/** The domain that ONNX's own operators have beside `''`. */
export const ONNX_DOMAIN = 'ai.onnx'

/** An operator's name in a graph. */
export const opName = (domain: string, type: string): string => (domain === '' || domain === ONNX_DOMAIN ? type : `${domain}::${type}`)

/** `'com.microsoft::Gelu'` → its domain and type; ONNX's own domain is `''`. */
export function splitOp(op: string): { domain: string; type: string } {
  const at = op.indexOf('::')
  return at < 0 ? { domain: '', type: op } : { domain: op.slice(0, at), type: op.slice(at + 2) }
}
