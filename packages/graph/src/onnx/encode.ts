import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { InvalidGraphError, type Attribute, type Constant, type DataType, type Graph, type Node, type ValueInfo } from '@tenon/core'
import type { AttributeSpec, OpTable } from '../op.js'
import { definitionOf, opsOf } from '../ops-of.js'
import { attributeCodes, CONTRIB_OPSET, EXTERNAL, field, IR_VERSION, OPSET, splitOp, typeCodes } from './schema.js'

/** Where a constant's bytes lie outside the model file. */
export interface ExternalLocation {
  /** Path relative to the model file, with forward slashes. */
  readonly location: string
  readonly offset: number
  readonly length: number
}

export interface EncodeOptions {
  /** Tells which constants lie elsewhere, and where; the others must have their bytes at hand and are written inline. */
  readonly externalData?: (name: string, constant: Constant) => ExternalLocation | undefined
  /** The version of ONNX's operator set to declare, for readers of older ones: every node must mean the same there. Default 21. */
  readonly opset?: number
}

/**
 * A graph as the bytes of an ONNX `ModelProto`.
 * @throws InvalidGraphError for an op or attribute without a definition, or a constant that is neither inline nor external.
 */
export function encodeOnnx(graph: Graph, { externalData = () => undefined, opset = OPSET }: EncodeOptions = {}): Uint8Array {
  const domains = [...new Set(graph.nodes.map((node) => splitOp(node.op).domain))].filter((domain) => domain !== '').toSorted()
  const writer = new BinaryWriter()
  writer.tag(field.model.irVersion, WireType.Varint).int64(IR_VERSION)
  text(writer, field.model.producerName, 'tenon')
  message(writer, field.model.graph, () => encodeGraph(writer, graph, externalData, opsOf(graph)))
  for (const domain of ['', ...domains]) {
    message(writer, field.model.opsetImport, () => {
      text(writer, field.opset.domain, domain)
      writer.tag(field.opset.version, WireType.Varint).int64(domain === '' ? opset : CONTRIB_OPSET)
    })
  }
  return writer.finish()
}

function message(writer: BinaryWriter, number: number, write: () => void): void {
  writer.tag(number, WireType.LengthDelimited).fork()
  write()
  writer.join()
}

function text(writer: BinaryWriter, number: number, value: string): void {
  writer.tag(number, WireType.LengthDelimited).string(value)
}

function integer(writer: BinaryWriter, number: number, value: number): void {
  writer.tag(number, WireType.Varint).int64(value)
}

function encodeGraph(writer: BinaryWriter, graph: Graph, externalData: NonNullable<EncodeOptions['externalData']>, ops: OpTable): void {
  for (const node of graph.nodes) message(writer, field.graph.node, () => encodeNode(writer, graph.name, node, ops))
  text(writer, field.graph.name, graph.name)
  for (const [name, constant] of graph.constants) {
    message(writer, field.graph.initializer, () => encodeTensor(writer, graph.name, name, constant, externalData(name, constant)))
  }
  for (const input of graph.inputs) message(writer, field.graph.input, () => encodeValueInfo(writer, input))
  for (const output of graph.outputs) message(writer, field.graph.output, () => encodeValueInfo(writer, output))
}

function encodeNode(writer: BinaryWriter, graph: string, node: Node, ops: OpTable): void {
  const definition = definitionOf(ops, node.op, graph)
  const { domain, type } = splitOp(node.op)
  for (const input of node.inputs) text(writer, field.node.input, input)
  for (const output of node.outputs) text(writer, field.node.output, output)
  // A node is named after what it makes, so that profilers and viewers name it as errors here do.
  text(writer, field.node.name, node.outputs.find((output) => output !== '') ?? '')
  text(writer, field.node.opType, type)
  for (const [name, value] of Object.entries(node.attributes)) {
    const spec = definition.attributes[name]
    if (spec === undefined) throw new InvalidGraphError({ graph, problem: `${node.op} has no attribute '${name}'` })
    message(writer, field.node.attribute, () => encodeAttribute(writer, graph, name, value, spec))
  }
  if (domain !== '') text(writer, field.node.domain, domain)
}

function encodeAttribute(writer: BinaryWriter, graph: string, name: string, value: Attribute, { type }: AttributeSpec): void {
  text(writer, field.attribute.name, name)
  const write: Record<AttributeSpec['type'], () => void> = {
    int: () => integer(writer, field.attribute.i, value as number),
    dtype: () => integer(writer, field.attribute.i, typeCodes[value as DataType]),
    float: () => writer.tag(field.attribute.f, WireType.Bit32).float(value as number),
    string: () => text(writer, field.attribute.s, value as string),
    ints: () => (value as readonly number[]).forEach((item) => integer(writer, field.attribute.ints, item)),
    floats: () => (value as readonly number[]).forEach((item) => writer.tag(field.attribute.floats, WireType.Bit32).float(item)),
    tensor: () => message(writer, field.attribute.t, () => encodeTensor(writer, graph, name, value as Constant, undefined)),
  }
  write[type]()
  integer(writer, field.attribute.type, attributeCodes[type])
}

function encodeTensor(writer: BinaryWriter, graph: string, name: string, constant: Constant, external: ExternalLocation | undefined): void {
  for (const size of constant.shape) integer(writer, field.tensor.dims, size)
  integer(writer, field.tensor.dataType, typeCodes[constant.dtype])
  text(writer, field.tensor.name, name)
  if (external === undefined) {
    if (constant.inline === undefined) throw new InvalidGraphError({ graph, problem: `the bytes of '${name}' are not at hand`, remedy: 'Write the graph with writeOnnx, which fetches them' })
    writer.tag(field.tensor.rawData, WireType.LengthDelimited).bytes(constant.inline)
    return
  }
  for (const [key, value] of Object.entries(external)) {
    message(writer, field.tensor.externalData, () => {
      text(writer, field.entry.key, key)
      text(writer, field.entry.value, String(value))
    })
  }
  integer(writer, field.tensor.dataLocation, EXTERNAL)
}

function encodeValueInfo(writer: BinaryWriter, { name, dtype, shape }: ValueInfo): void {
  text(writer, field.valueInfo.name, name)
  message(writer, field.valueInfo.type, () => {
    message(writer, field.type.tensor, () => {
      integer(writer, field.tensorType.elementType, typeCodes[dtype])
      message(writer, field.tensorType.shape, () => {
        for (const size of shape) {
          message(writer, field.shape.dim, () => {
            if (typeof size === 'number') integer(writer, field.dimension.value, size)
            else text(writer, field.dimension.param, size)
          })
        }
      })
    })
  })
}
