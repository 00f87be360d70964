import { InvalidGraphError, type Attribute, type Constant, type DataType, type Graph, type Node, type ValueInfo } from '@tenon/core'
import type { AttributeSpec, OpTable } from '../op.js'
import { definitionOf, opsOf } from '../ops-of.js'
import { ProtoWriter } from './proto-writer.js'
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
  /**
   * Tells which constants are inputs too, which a caller may give others for: a runtime then takes them as they are, where it would
   * fold or rearrange what it knows to stay the same.
   */
  readonly overridable?: (constant: Constant) => boolean
  /** The version of ONNX's operator set to declare, for readers of older ones: every node must mean the same there. Default 21. */
  readonly opset?: number
}

/**
 * A graph as the bytes of an ONNX `ModelProto`.
 * @throws InvalidGraphError for an op or attribute without a definition, or a constant that is neither inline nor external.
 */
export function encodeOnnx(graph: Graph, { externalData = () => undefined, overridable = () => false, opset = OPSET }: EncodeOptions = {}): Uint8Array {
  const domains = [...new Set(graph.nodes.map((node) => splitOp(node.op).domain))].filter((domain) => domain !== '').toSorted()
  const writer = new ProtoWriter()
  writer.integer(field.model.irVersion, IR_VERSION)
  writer.text(field.model.producerName, 'tenon')
  writer.message(field.model.graph, () => encodeGraph(writer, graph, { externalData, overridable }, opsOf(graph)))
  for (const domain of ['', ...domains]) {
    writer.message(field.model.opsetImport, () => {
      writer.text(field.opset.domain, domain)
      writer.integer(field.opset.version, domain === '' ? opset : CONTRIB_OPSET)
    })
  }
  return writer.finish()
}

function encodeGraph(writer: ProtoWriter, graph: Graph, { externalData, overridable }: Required<Pick<EncodeOptions, 'externalData' | 'overridable'>>, ops: OpTable): void {
  for (const node of graph.nodes) writer.message(field.graph.node, () => encodeNode(writer, graph.name, node, ops))
  writer.text(field.graph.name, graph.name)
  for (const [name, constant] of graph.constants) {
    writer.message(field.graph.initializer, () => encodeTensor(writer, graph.name, name, constant, externalData(name, constant)))
  }
  for (const input of graph.inputs) writer.message(field.graph.input, () => encodeValueInfo(writer, input))
  for (const [name, constant] of graph.constants) if (overridable(constant)) writer.message(field.graph.input, () => encodeValueInfo(writer, { name, dtype: constant.dtype, shape: constant.shape }))
  for (const output of graph.outputs) writer.message(field.graph.output, () => encodeValueInfo(writer, output))
}

function encodeNode(writer: ProtoWriter, graph: string, node: Node, ops: OpTable): void {
  const definition = definitionOf(ops, node.op, graph)
  const { domain, type } = splitOp(node.op)
  for (const input of node.inputs) writer.text(field.node.input, input)
  for (const output of node.outputs) writer.text(field.node.output, output)
  // A node is named after what it makes, so that profilers and viewers name it as errors here do.
  writer.text(field.node.name, node.outputs.find((output) => output !== '') ?? '')
  writer.text(field.node.opType, type)
  for (const [name, value] of Object.entries(node.attributes)) {
    const spec = definition.attributes[name]
    if (spec === undefined) throw new InvalidGraphError({ graph, problem: `${node.op} has no attribute '${name}'` })
    writer.message(field.node.attribute, () => encodeAttribute(writer, graph, name, value, spec))
  }
  if (domain !== '') writer.text(field.node.domain, domain)
}

function encodeAttribute(writer: ProtoWriter, graph: string, name: string, value: Attribute, { type }: AttributeSpec): void {
  writer.text(field.attribute.name, name)
  const write: Record<AttributeSpec['type'], () => void> = {
    int: () => writer.integer(field.attribute.i, value as number),
    dtype: () => writer.integer(field.attribute.i, typeCodes[value as DataType]),
    float: () => writer.float(field.attribute.f, value as number),
    string: () => writer.text(field.attribute.s, value as string),
    ints: () => (value as readonly number[]).forEach((item) => writer.integer(field.attribute.ints, item)),
    floats: () => (value as readonly number[]).forEach((item) => writer.float(field.attribute.floats, item)),
    tensor: () => writer.message(field.attribute.t, () => encodeTensor(writer, graph, name, value as Constant, undefined)),
  }
  write[type]()
  writer.integer(field.attribute.type, attributeCodes[type])
}

function encodeTensor(writer: ProtoWriter, graph: string, name: string, constant: Constant, external: ExternalLocation | undefined): void {
  for (const size of constant.shape) writer.integer(field.tensor.dims, size)
  writer.integer(field.tensor.dataType, typeCodes[constant.dtype])
  writer.text(field.tensor.name, name)
  if (external === undefined) {
    if (constant.inline === undefined) throw new InvalidGraphError({ graph, problem: `the bytes of '${name}' are not at hand`, remedy: 'Write the graph with writeOnnx, which fetches them' })
    writer.bytes(field.tensor.rawData, constant.inline)
    return
  }
  for (const [key, value] of Object.entries(external)) {
    writer.message(field.tensor.externalData, () => {
      writer.text(field.entry.key, key)
      writer.text(field.entry.value, String(value))
    })
  }
  writer.integer(field.tensor.dataLocation, EXTERNAL)
}

function encodeValueInfo(writer: ProtoWriter, { name, dtype, shape }: ValueInfo): void {
  writer.text(field.valueInfo.name, name)
  writer.message(field.valueInfo.type, () => {
    writer.message(field.type.tensor, () => {
      writer.integer(field.tensorType.elementType, typeCodes[dtype])
      writer.message(field.tensorType.shape, () => {
        for (const size of shape) {
          writer.message(field.shape.dim, () => {
            if (typeof size === 'number') writer.integer(field.dimension.value, size)
            else writer.text(field.dimension.param, size)
          })
        }
      })
    })
  })
}
