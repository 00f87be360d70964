import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { byteLength, bytesOf, InvalidFileError, type Attribute, type Constant, type DataType, type Dimension, type Graph, type Node, type NumericType, type TypedArray, type ValueInfo } from '@tenon/core'
import type { AttributeTable, OpTable } from '../op.js'
import { attributeCodes, EXTERNAL, field, OPSET, typeNames } from './schema.js'

/** An initializer as the file tells of it. `offset` is where raw bytes start in the model file. */
export interface TensorRecord {
  readonly name: string
  readonly dtype: NumericType
  readonly shape: readonly number[]
  readonly data: { readonly bytes: Uint8Array; readonly offset?: number } | { readonly location: string; readonly offset: number; readonly length?: number }
}

/** Dimensions an untrusted tensor may have: ONNX Runtime's own bound on what it broadcasts is far below. */
const MOST_DIMENSIONS = 32

/** The graph of a `ModelProto`, its constants still to be located. @throws InvalidFileError */
export function decodeOnnx(bytes: Uint8Array, path: string, ops: OpTable): { graph: Omit<Graph, 'constants'>; tensors: readonly TensorRecord[] } {
  const problem = (text: string, remedy?: string): never => {
    throw new InvalidFileError({ path, problem: text, ...(remedy !== undefined && { remedy }) })
  }
  try {
    return decodeModel(new Decoder(bytes, path, problem), ops)
  } catch (cause) {
    if (cause instanceof InvalidFileError) throw cause
    return problem(`is no ONNX model: ${cause instanceof Error ? cause.message : String(cause)}`)
  }
}

type Fields = Record<number, (reader: BinaryReader, wire: WireType, number: number) => void>

/** Reads messages field by field; fields nobody asks for are skipped. */
class Decoder {
  constructor(
    readonly bytes: Uint8Array,
    readonly path: string,
    readonly problem: (text: string, remedy?: string) => never,
  ) {}

  message(from: Uint8Array, fields: Fields): void {
    const reader = new BinaryReader(from)
    while (reader.pos < reader.len) {
      const [number, wire] = reader.tag()
      const read = fields[number]
      if (read === undefined) reader.skip(wire)
      else read(reader, wire, number)
    }
  }

  /** int64 as a number. */
  integer = (reader: BinaryReader): number => {
    const value = Number(reader.int64())
    return Number.isSafeInteger(value) ? value : this.problem(`holds the integer ${value}, which is out of range`)
  }

  /** A repeated number, packed or not. */
  repeated(reader: BinaryReader, wire: WireType, read: (reader: BinaryReader) => number, into: number[]): void {
    if (wire !== WireType.LengthDelimited) {
      into.push(read(reader))
      return
    }
    const packed = new BinaryReader(reader.bytes())
    while (packed.pos < packed.len) into.push(read(packed))
  }
}

function decodeModel(decoder: Decoder, ops: OpTable) {
  let body: Uint8Array | undefined
  const versions = new Map<string, number>()
  decoder.message(decoder.bytes, {
    [field.model.graph]: (reader) => (body = reader.bytes()),
    [field.model.functions]: () => decoder.problem('defines functions of its own, which are not read', 'Inline them (onnx.inliner) and write the file again'),
    [field.model.opsetImport]: (reader) => {
      let domain = ''
      let version = 0
      decoder.message(reader.bytes(), {
        [field.opset.domain]: (inner) => (domain = inner.string()),
        [field.opset.version]: (inner) => (version = decoder.integer(inner)),
      })
      versions.set(domain === 'ai.onnx' ? '' : domain, version)
    },
  })
  if (body === undefined) return decoder.problem('is no ONNX model: it holds no graph')
  const opset = versions.get('') ?? OPSET
  if (opset > OPSET) decoder.problem(`uses operator set ${opset}, and up to ${OPSET} is read`, `Convert it to operator set ${OPSET} (onnx.version_converter)`)
  return decodeGraph(decoder, body, ops, opset)
}

function decodeGraph(decoder: Decoder, body: Uint8Array, ops: OpTable, opset: number) {
  let name = ''
  const nodes: Node[] = []
  const declared: ValueInfo[] = []
  const outputs: ValueInfo[] = []
  const tensors: TensorRecord[] = []
  decoder.message(body, {
    [field.graph.name]: (reader) => (name = reader.string()),
    [field.graph.node]: (reader) => nodes.push(decodeNode(decoder, reader.bytes(), ops, opset)),
    [field.graph.initializer]: (reader) => tensors.push(decodeTensor(decoder, reader.bytes())),
    [field.graph.sparseInitializer]: () => decoder.problem('holds sparse weights, which are not read', 'Write them as dense ones'),
    [field.graph.input]: (reader) => declared.push(decodeValueInfo(decoder, reader.bytes())),
    [field.graph.output]: (reader) => outputs.push(decodeValueInfo(decoder, reader.bytes())),
  })
  // Before IR version 4, initializers were listed among the inputs as well.
  const initialized = new Set(tensors.map((tensor) => tensor.name))
  const inputs = declared.filter((input) => !initialized.has(input.name))
  return { graph: { name, inputs, outputs, nodes }, tensors }
}

function decodeNode(decoder: Decoder, body: Uint8Array, ops: OpTable, opset: number): Node {
  const inputs: string[] = []
  const outputs: string[] = []
  const attributes: Uint8Array[] = []
  let type = ''
  let domain = ''
  decoder.message(body, {
    [field.node.input]: (reader) => inputs.push(reader.string()),
    [field.node.output]: (reader) => outputs.push(reader.string()),
    [field.node.opType]: (reader) => (type = reader.string()),
    [field.node.domain]: (reader) => (domain = reader.string()),
    [field.node.attribute]: (reader) => attributes.push(reader.bytes()),
  })
  const op = domain === '' || domain === 'ai.onnx' ? type : `${domain}::${type}`
  const definition = ops.get(op)
  if (definition === undefined) return decoder.problem(`uses the operator ${op}, which is unknown here`, 'Add its definition to the operator table')
  if (domain === '' && definition.since > opset) decoder.problem(`uses ${op} of operator set ${opset}, and it is read from ${definition.since} on`, `Convert it to operator set ${OPSET} (onnx.version_converter)`)
  return { op, inputs, outputs, attributes: Object.fromEntries(attributes.map((attribute) => decodeAttribute(decoder, attribute, definition.attributes, op))) }
}

function decodeAttribute(decoder: Decoder, body: Uint8Array, specs: AttributeTable, op: string): [string, Attribute] {
  let name = ''
  let code = 0
  const numbers: number[] = []
  let text = ''
  let tensor: Constant | undefined
  const collect = (read: (reader: BinaryReader) => number) => (reader: BinaryReader, wire: WireType) => decoder.repeated(reader, wire, read, numbers)
  decoder.message(body, {
    [field.attribute.name]: (reader) => (name = reader.string()),
    [field.attribute.type]: (reader) => (code = reader.int32()),
    [field.attribute.f]: collect((reader) => reader.float()),
    [field.attribute.i]: collect(decoder.integer),
    [field.attribute.s]: (reader) => (text = reader.string()),
    [field.attribute.t]: (reader) => (tensor = literal(decoder, decodeTensor(decoder, reader.bytes()))),
    [field.attribute.g]: () => decoder.problem(`gives ${op} a graph as attribute '${name}', which is not read`),
    [field.attribute.floats]: collect((reader) => reader.float()),
    [field.attribute.ints]: collect(decoder.integer),
  })
  const spec = specs[name]
  if (spec === undefined) return decoder.problem(`gives ${op} the attribute '${name}', which it does not have`)
  if (code !== attributeCodes[spec.type]) return decoder.problem(`gives ${op} an attribute '${name}' that is no ${spec.type}`)
  const values: Record<typeof spec.type, Attribute | undefined> = {
    int: numbers[0] ?? 0,
    dtype: typeNames.get(numbers[0] ?? 0),
    float: numbers[0] ?? 0,
    string: text,
    ints: numbers,
    floats: numbers,
    tensor,
  }
  return [name, values[spec.type] ?? decoder.problem(`gives ${op} an attribute '${name}' without a value`)]
}

function literal(decoder: Decoder, { dtype, shape, data }: TensorRecord): Constant {
  if ('location' in data) return decoder.problem('keeps an attribute in external data, which is not read')
  const expected = byteLength(dtype, shape)
  if (data.bytes.byteLength !== expected) return decoder.problem(`holds ${data.bytes.byteLength} bytes for an attribute whose shape [${shape.join(', ')}] needs ${expected}`)
  const inline = new Uint8Array(data.bytes)
  return { dtype, shape, byteLength: inline.byteLength, inline, bytes: async () => inline }
}

function decodeTensor(decoder: Decoder, body: Uint8Array): TensorRecord {
  let name = ''
  let code = 0
  let external = false
  let raw: Uint8Array | undefined
  const shape: number[] = []
  const numbers: number[] = []
  const entries = new Map<string, string>()
  const collect = (read: (reader: BinaryReader) => number) => (reader: BinaryReader, wire: WireType) => decoder.repeated(reader, wire, read, numbers)
  decoder.message(body, {
    [field.tensor.name]: (reader) => (name = reader.string()),
    [field.tensor.dims]: (reader, wire) => decoder.repeated(reader, wire, decoder.integer, shape),
    [field.tensor.dataType]: (reader) => (code = reader.int32()),
    [field.tensor.rawData]: (reader) => (raw = reader.bytes()),
    [field.tensor.floatData]: collect((reader) => reader.float()),
    [field.tensor.doubleData]: collect((reader) => reader.double()),
    [field.tensor.int32Data]: collect((reader) => reader.int32()),
    [field.tensor.int64Data]: collect(decoder.integer),
    [field.tensor.uint64Data]: collect(decoder.integer),
    [field.tensor.dataLocation]: (reader) => (external = reader.int32() === EXTERNAL),
    [field.tensor.externalData]: (reader) => {
      let key = ''
      let value = ''
      decoder.message(reader.bytes(), { [field.entry.key]: (inner) => (key = inner.string()), [field.entry.value]: (inner) => (value = inner.string()) })
      entries.set(key, value)
    },
  })
  const dtype: DataType | undefined = typeNames.get(code)
  if (dtype === undefined || dtype === 'string') return decoder.problem(`holds the tensor '${name}' of type ${code}, which is not read`)
  if (shape.length > MOST_DIMENSIONS || shape.some((size) => size < 0)) return decoder.problem(`holds the tensor '${name}' of impossible shape [${shape.join(', ')}]`)
  if (external) return { name, dtype, shape, data: externalOf(decoder, name, entries) }
  if (raw !== undefined) return { name, dtype, shape, data: { bytes: raw, offset: raw.byteOffset - decoder.bytes.byteOffset } }
  return { name, dtype, shape, data: { bytes: packed(dtype, numbers) } }
}

function decodeValueInfo(decoder: Decoder, body: Uint8Array): ValueInfo {
  let name = ''
  let code = 0
  let type: Uint8Array | undefined
  let tensor: Uint8Array | undefined
  let dimensions: Uint8Array | undefined
  const shape: Dimension[] = []
  decoder.message(body, { [field.valueInfo.name]: (reader) => (name = reader.string()), [field.valueInfo.type]: (reader) => (type = reader.bytes()) })
  if (type !== undefined) decoder.message(type, { [field.type.tensor]: (reader) => (tensor = reader.bytes()) })
  if (tensor !== undefined) decoder.message(tensor, { [field.tensorType.elementType]: (reader) => (code = reader.int32()), [field.tensorType.shape]: (reader) => (dimensions = reader.bytes()) })
  const dtype = typeNames.get(code)
  if (dtype === undefined || dimensions === undefined) return decoder.problem(`does not say of what type and shape '${name}' is`)
  decoder.message(dimensions, {
    [field.shape.dim]: (reader) => {
      // A size nobody named is one of its own; the -1 of older exporters means the same.
      const own = `size(${name})[${shape.length}]`
      let size: Dimension = own
      decoder.message(reader.bytes(), {
        [field.dimension.value]: (inner) => {
          const value = decoder.integer(inner)
          size = value < 0 ? own : value
        },
        [field.dimension.param]: (inner) => (size = inner.string() || size),
      })
      shape.push(size)
    },
  })
  return { name, dtype, shape }
}

function externalOf(decoder: Decoder, tensor: string, entries: ReadonlyMap<string, string>) {
  const location = entries.get('location') ?? decoder.problem(`keeps the tensor '${tensor}' in external data and does not say where`)
  const natural = (key: string): number | undefined => {
    const text = entries.get(key)
    if (text === undefined) return undefined
    const value = Number(text)
    return /^\d+$/.test(text) && Number.isSafeInteger(value) ? value : decoder.problem(`gives the tensor '${tensor}' the ${key} '${text}'`)
  }
  const length = natural('length')
  return { location, offset: natural('offset') ?? 0, ...(length !== undefined && { length }) }
}

/** Tensors written as numbers rather than bytes: `float_data` and its like. 16-bit floats and small integers travel as int32. */
function packed(dtype: NumericType, numbers: readonly number[]): Uint8Array {
  const make: Partial<Record<NumericType, () => TypedArray>> = {
    float64: () => Float64Array.from(numbers),
    float32: () => Float32Array.from(numbers),
    int64: () => BigInt64Array.from(numbers, BigInt),
    uint64: () => BigUint64Array.from(numbers, BigInt),
    int32: () => Int32Array.from(numbers),
    uint32: () => Uint32Array.from(numbers),
    int16: () => Int16Array.from(numbers),
    uint16: () => Uint16Array.from(numbers),
    float16: () => Uint16Array.from(numbers),
    bfloat16: () => Uint16Array.from(numbers),
    int8: () => Int8Array.from(numbers),
  }
  return bytesOf(make[dtype]?.() ?? Uint8Array.from(numbers))
}
