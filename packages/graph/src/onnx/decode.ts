import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { bytesOf, InvalidFileError, type DataType, type Dimension, type NumericType, type TypedArray } from '@tenon/core'
import { canonical } from '../dimension.js'
import type { Complain, DeclaredValue, ForeignAttribute, ForeignFunction, ForeignGraph, ForeignModel, ForeignNode, TensorRecord } from './foreign.js'
import { EXTERNAL, field, ONNX_DOMAIN, opName, OPSET, typeNames } from './schema.js'

/** Dimensions an untrusted tensor may have: ONNX Runtime's own bound on what it broadcasts is far below. */
const MOST_DIMENSIONS = 32

/** How deep graphs may stand in attributes of nodes: exporters reach 3 or 4. */
const DEEPEST = 16

/**
 * A `ModelProto`. What is kept is a small multiple of the bytes at most: no number in the file makes anything larger.
 * @throws InvalidFileError
 */
export function decodeModel(bytes: Uint8Array, path: string): ForeignModel {
  const problem: Complain = (text, remedy) => {
    throw new InvalidFileError({ path, problem: text, ...(remedy !== undefined && { remedy }) })
  }
  try {
    return modelOf(new Decoder(bytes, problem))
  } catch (cause) {
    if (cause instanceof InvalidFileError) throw cause
    return problem(`is no ONNX model: ${cause instanceof Error ? cause.message : String(cause)}`)
  }
}

type Fields = Record<number, (reader: BinaryReader, wire: WireType) => void>

/** Reads messages field by field; fields nobody asks for are skipped. */
class Decoder {
  constructor(
    readonly bytes: Uint8Array,
    readonly problem: Complain,
  ) {}

  message(from: Uint8Array, fields: Fields): void {
    const reader = new BinaryReader(from)
    while (reader.pos < reader.len) {
      const [number, wire] = reader.tag()
      const read = fields[number]
      if (read === undefined) reader.skip(wire)
      else read(reader, wire)
    }
  }

  /** int64 as a number. */
  integer = (reader: BinaryReader): number => {
    const value = Number(reader.int64())
    return Number.isSafeInteger(value) ? value : this.problem(`holds the integer ${value}, which is out of range`)
  }

  /** int64 in full where no number holds it: slices end at 2⁶³ − 1. */
  wide = (reader: BinaryReader): number | bigint => {
    const value = BigInt(reader.int64())
    return Number.isSafeInteger(Number(value)) ? Number(value) : value
  }

  /** A repeated number, packed or not. */
  repeated<T>(reader: BinaryReader, wire: WireType, read: (reader: BinaryReader) => T, into: T[]): void {
    if (wire !== WireType.LengthDelimited) {
      into.push(read(reader))
      return
    }
    const packed = new BinaryReader(reader.bytes())
    while (packed.pos < packed.len) into.push(read(packed))
  }
}

function modelOf(decoder: Decoder): ForeignModel {
  let body: Uint8Array | undefined
  const opsets = new Map<string, number>()
  const functions = new Map<string, ForeignFunction>()
  decoder.message(decoder.bytes, {
    [field.model.graph]: (reader) => (body = reader.bytes()),
    [field.model.trainingInfo]: () => decoder.problem('holds graphs for training, which are not read', 'Export the model for inference'),
    [field.model.functions]: (reader) => {
      const { op, called } = functionOf(decoder, reader.bytes())
      if (functions.has(op)) decoder.problem(`defines two functions named ${op}`)
      functions.set(op, called)
    },
    [field.model.opsetImport]: (reader) => opsetInto(decoder, reader.bytes(), opsets),
  })
  if (body === undefined) return decoder.problem('is no ONNX model: it holds no graph')
  if (!opsets.has('')) opsets.set('', OPSET)
  return { opsets, functions, graph: graphOf(decoder, body, 0) }
}

function opsetInto(decoder: Decoder, body: Uint8Array, opsets: Map<string, number>): void {
  let domain = ''
  let version = 0
  decoder.message(body, {
    [field.opset.domain]: (reader) => (domain = reader.string()),
    [field.opset.version]: (reader) => (version = decoder.integer(reader)),
  })
  opsets.set(domain === ONNX_DOMAIN ? '' : domain, version)
}

function functionOf(decoder: Decoder, body: Uint8Array): { readonly op: string; readonly called: ForeignFunction } {
  let name = ''
  let domain = ''
  let overload = ''
  const inputs: string[] = []
  const outputs: string[] = []
  const nodes: ForeignNode[] = []
  const opsets = new Map<string, number>()
  const defaults = new Map<string, ForeignAttribute>()
  decoder.message(body, {
    [field.function.name]: (reader) => (name = reader.string()),
    [field.function.domain]: (reader) => (domain = reader.string()),
    [field.function.overload]: (reader) => (overload = reader.string()),
    [field.function.input]: (reader) => inputs.push(reader.string()),
    [field.function.output]: (reader) => outputs.push(reader.string()),
    [field.function.node]: (reader) => nodes.push(nodeOf(decoder, reader.bytes(), 0)),
    [field.function.opsetImport]: (reader) => opsetInto(decoder, reader.bytes(), opsets),
    [field.function.attributeProto]: (reader) => defaults.set(...attributeOf(decoder, reader.bytes(), name, 0)),
  })
  return { op: calledName(opName(domain, name), overload), called: { inputs, outputs, nodes, opsets, defaults } }
}

/** Functions of one name may be told apart by an overload. */
const calledName = (op: string, overload: string) => (overload === '' ? op : `${op}:${overload}`)

function graphOf(decoder: Decoder, body: Uint8Array, depth: number): ForeignGraph {
  if (depth > DEEPEST) return decoder.problem(`holds graphs inside one another, more than ${DEEPEST} deep`)
  let name = ''
  const nodes: ForeignNode[] = []
  const inputs: DeclaredValue[] = []
  const outputs: DeclaredValue[] = []
  const tensors: TensorRecord[] = []
  decoder.message(body, {
    [field.graph.name]: (reader) => (name = reader.string()),
    [field.graph.node]: (reader) => nodes.push(nodeOf(decoder, reader.bytes(), depth)),
    [field.graph.initializer]: (reader) => tensors.push(tensorOf(decoder, reader.bytes())),
    [field.graph.sparseInitializer]: () => decoder.problem('holds sparse weights, which are not read', 'Write them as dense ones'),
    [field.graph.input]: (reader) => inputs.push(valueOf(decoder, reader.bytes())),
    [field.graph.output]: (reader) => outputs.push(valueOf(decoder, reader.bytes())),
  })
  return { name, inputs, outputs, nodes, tensors }
}

function nodeOf(decoder: Decoder, body: Uint8Array, depth: number): ForeignNode {
  const inputs: string[] = []
  const outputs: string[] = []
  const encoded: Uint8Array[] = []
  let type = ''
  let domain = ''
  let overload = ''
  decoder.message(body, {
    [field.node.input]: (reader) => inputs.push(reader.string()),
    [field.node.output]: (reader) => outputs.push(reader.string()),
    [field.node.opType]: (reader) => (type = reader.string()),
    [field.node.domain]: (reader) => (domain = reader.string()),
    [field.node.overload]: (reader) => (overload = reader.string()),
    [field.node.attribute]: (reader) => encoded.push(reader.bytes()),
  })
  const op = calledName(opName(domain, type), overload)
  return { op, inputs, outputs, attributes: new Map(encoded.map((attribute) => attributeOf(decoder, attribute, op, depth))) }
}

function attributeOf(decoder: Decoder, body: Uint8Array, op: string, depth: number): [string, ForeignAttribute] {
  let name = ''
  let type = 0
  let text = ''
  let tensor: Uint8Array | undefined
  let graph: Uint8Array | undefined
  let reference = ''
  const ints: (number | bigint)[] = []
  const floats: number[] = []
  decoder.message(body, {
    [field.attribute.name]: (reader) => (name = reader.string()),
    [field.attribute.type]: (reader) => (type = reader.int32()),
    [field.attribute.f]: (reader, wire) => decoder.repeated(reader, wire, (inner) => inner.float(), floats),
    [field.attribute.i]: (reader, wire) => decoder.repeated(reader, wire, decoder.wide, ints),
    [field.attribute.s]: (reader) => (text = reader.string()),
    [field.attribute.t]: (reader) => (tensor = reader.bytes()),
    [field.attribute.g]: (reader) => (graph = reader.bytes()),
    [field.attribute.floats]: (reader, wire) => decoder.repeated(reader, wire, (inner) => inner.float(), floats),
    [field.attribute.ints]: (reader, wire) => decoder.repeated(reader, wire, decoder.wide, ints),
    [field.attribute.refAttrName]: (reader) => (reference = reader.string()),
  })
  if (name === '') return decoder.problem(`gives ${op} an attribute without a name`)
  const attribute = { type, ints, floats, text, ...(reference !== '' && { reference }) }
  return [name, { ...attribute, ...(tensor && { tensor: tensorOf(decoder, tensor) }), ...(graph && { graph: graphOf(decoder, graph, depth + 1) }) }]
}

function tensorOf(decoder: Decoder, body: Uint8Array): TensorRecord {
  let name = ''
  let code = 0
  let external = false
  let raw: Uint8Array | undefined
  const shape: number[] = []
  const numbers: number[] = []
  const wide: bigint[] = []
  const entries = new Map<string, string>()
  decoder.message(body, {
    [field.tensor.name]: (reader) => (name = reader.string()),
    [field.tensor.dims]: (reader, wire) => decoder.repeated(reader, wire, decoder.integer, shape),
    [field.tensor.dataType]: (reader) => (code = reader.int32()),
    [field.tensor.rawData]: (reader) => (raw = reader.bytes()),
    [field.tensor.floatData]: (reader, wire) => decoder.repeated(reader, wire, (inner) => inner.float(), numbers),
    [field.tensor.doubleData]: (reader, wire) => decoder.repeated(reader, wire, (inner) => inner.double(), numbers),
    [field.tensor.int32Data]: (reader, wire) => decoder.repeated(reader, wire, (inner) => inner.int32(), numbers),
    [field.tensor.int64Data]: (reader, wire) => decoder.repeated(reader, wire, (inner) => BigInt(inner.int64()), wide),
    [field.tensor.uint64Data]: (reader, wire) => decoder.repeated(reader, wire, (inner) => BigInt(inner.uint64()), wide),
    [field.tensor.dataLocation]: (reader) => (external = reader.int32() === EXTERNAL),
    [field.tensor.externalData]: (reader) => {
      let key = ''
      let value = ''
      decoder.message(reader.bytes(), { [field.entry.key]: (inner) => (key = inner.string()), [field.entry.value]: (inner) => (value = inner.string()) })
      entries.set(key, value)
    },
  })
  const dtype: DataType | undefined = typeNames.get(code)
  if (dtype === undefined || dtype === 'string') return decoder.problem(`holds the tensor '${name}' of type ${dtype ?? code}, which is not read`, 'Export the model with numbers of 4 to 64 bits, or booleans, as weights')
  if (shape.length > MOST_DIMENSIONS || shape.some((size) => size < 0)) return decoder.problem(`holds the tensor '${name}' of impossible shape [${shape.slice(0, MOST_DIMENSIONS).join(', ')}]`)
  if (external) return { name, dtype, shape, data: externalOf(decoder, name, entries) }
  if (raw !== undefined) return { name, dtype, shape, data: { bytes: raw, offset: raw.byteOffset - decoder.bytes.byteOffset } }
  return { name, dtype, shape, data: { bytes: packed(dtype, numbers, wide) } }
}

function valueOf(decoder: Decoder, body: Uint8Array): DeclaredValue {
  let name = ''
  let code = 0
  let type: Uint8Array | undefined
  let tensor: Uint8Array | undefined
  let dimensions: Uint8Array | undefined
  let other = false
  decoder.message(body, { [field.valueInfo.name]: (reader) => (name = reader.string()), [field.valueInfo.type]: (reader) => (type = reader.bytes()) })
  if (type !== undefined) {
    const note = (reader: BinaryReader, wire: WireType): void => {
      reader.skip(wire)
      other = true
    }
    decoder.message(type, { ...Object.fromEntries(field.type.others.map((number) => [number, note])), [field.type.tensor]: (reader) => (tensor = reader.bytes()) })
  }
  if (other) return decoder.problem(`takes or makes '${name}', a sequence, map or optional, and only tensors are read`, 'Export the model with tensors as inputs and outputs')
  if (tensor !== undefined) decoder.message(tensor, { [field.tensorType.elementType]: (reader) => (code = reader.int32()), [field.tensorType.shape]: (reader) => (dimensions = reader.bytes()) })
  const dtype = typeNames.get(code)
  if (code !== 0 && dtype === undefined) return decoder.problem(`takes or makes '${name}' of type ${code}, which is not read`)
  if (dimensions === undefined) return { name, dtype, shape: undefined }
  const shape: Dimension[] = []
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
        [field.dimension.param]: (inner) => (size = named(inner.string()) ?? size),
      })
      shape.push(size)
    },
  })
  if (shape.length > MOST_DIMENSIONS) return decoder.problem(`takes or makes '${name}' of ${shape.length} dimensions, and at most ${MOST_DIMENSIONS} are read`)
  return { name, dtype, shape }
}

/** A size's name, which may be arithmetic on others (`'past + sequence'`). What works out as a number names nothing. */
function named(text: string): string | undefined {
  const size = canonical(text)
  return typeof size === 'string' ? size : undefined
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
function packed(dtype: NumericType, numbers: readonly number[], wide: readonly bigint[]): Uint8Array {
  const make: Partial<Record<NumericType, () => TypedArray>> = {
    float64: () => Float64Array.from(numbers),
    float32: () => Float32Array.from(numbers),
    int64: () => BigInt64Array.from(wide),
    uint64: () => BigUint64Array.from(wide),
    int32: () => Int32Array.from(numbers),
    uint32: () => Uint32Array.from(wide, Number),
    int16: () => Int16Array.from(numbers),
    uint16: () => Uint16Array.from(numbers),
    float16: () => Uint16Array.from(numbers),
    bfloat16: () => Uint16Array.from(numbers),
    int8: () => Int8Array.from(numbers),
  }
  return bytesOf(make[dtype]?.() ?? Uint8Array.from(numbers))
}
