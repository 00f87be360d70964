import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import type { Constant, DataType, Dimension } from '@tenon/core'
import { field, splitOp, typeCodes } from './schema.js'

/** What a test puts into an attribute; a `graph` is a branch. */
export type Given = number | bigint | string | readonly (number | bigint)[] | { readonly floats: readonly number[] } | { readonly float: number } | { readonly tensor: Constant } | { readonly graph: Body } | { readonly reference: string }

export interface GivenNode {
  readonly op: string
  readonly inputs?: readonly string[]
  readonly outputs?: readonly string[]
  readonly attributes?: Readonly<Record<string, Given>>
}

export interface GivenValue {
  readonly name: string
  readonly dtype?: DataType
  readonly shape?: readonly Dimension[]
}

export interface Body {
  readonly nodes: readonly GivenNode[]
  readonly inputs?: readonly GivenValue[]
  readonly outputs: readonly GivenValue[]
  readonly constants?: Readonly<Record<string, Constant>>
}

export interface GivenFunction {
  readonly op: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly nodes: readonly GivenNode[]
  readonly defaults?: Readonly<Record<string, Given>>
}

export interface GivenModel extends Body {
  readonly opset: number
  readonly domains?: readonly string[]
  readonly functions?: readonly GivenFunction[]
  readonly training?: Body
}

/** A model file as another tool might write it, good or bad: nothing is checked. */
export function modelFile({ opset, domains = [], functions = [], training, ...body }: GivenModel): Uint8Array {
  const writer = new BinaryWriter()
  integer(writer, field.model.irVersion, 8)
  message(writer, field.model.graph, () => writeBody(writer, body))
  if (training !== undefined) message(writer, field.model.trainingInfo, () => message(writer, 2, () => writeBody(writer, training)))
  const opsets = (number: number) => {
    for (const domain of ['', 'com.microsoft', ...domains]) opsetImport(writer, number, domain, domain === '' ? opset : 1)
  }
  opsets(field.model.opsetImport)
  for (const { op, inputs, outputs, nodes, defaults = {} } of functions) {
    const { domain, type } = splitOp(op)
    message(writer, field.model.functions, () => {
      text(writer, field.function.name, type)
      for (const input of inputs) text(writer, field.function.input, input)
      for (const output of outputs) text(writer, field.function.output, output)
      for (const node of nodes) message(writer, field.function.node, () => writeNode(writer, node))
      opsets(field.function.opsetImport)
      text(writer, field.function.domain, domain)
      for (const [name, value] of Object.entries(defaults)) message(writer, field.function.attributeProto, () => writeAttribute(writer, name, value))
    })
  }
  return writer.finish()
}

function message(writer: BinaryWriter, number: number, write: () => void): void {
  writer.tag(number, WireType.LengthDelimited).fork()
  write()
  writer.join()
}

const text = (writer: BinaryWriter, number: number, value: string) => writer.tag(number, WireType.LengthDelimited).string(value)
const integer = (writer: BinaryWriter, number: number, value: number | bigint) => writer.tag(number, WireType.Varint).int64(value)

function opsetImport(writer: BinaryWriter, number: number, domain: string, version: number): void {
  message(writer, number, () => {
    text(writer, field.opset.domain, domain)
    integer(writer, field.opset.version, version)
  })
}

function writeBody(writer: BinaryWriter, { nodes, inputs = [], outputs, constants = {} }: Body): void {
  text(writer, field.graph.name, 'given')
  for (const node of nodes) message(writer, field.graph.node, () => writeNode(writer, node))
  for (const [name, constant] of Object.entries(constants)) message(writer, field.graph.initializer, () => writeTensor(writer, name, constant))
  for (const input of inputs) message(writer, field.graph.input, () => writeValue(writer, input))
  for (const output of outputs) message(writer, field.graph.output, () => writeValue(writer, output))
}

function writeNode(writer: BinaryWriter, { op, inputs = [], outputs = [], attributes = {} }: GivenNode): void {
  const { domain, type } = splitOp(op)
  for (const input of inputs) text(writer, field.node.input, input)
  for (const output of outputs) text(writer, field.node.output, output)
  text(writer, field.node.opType, type)
  for (const [name, value] of Object.entries(attributes)) message(writer, field.node.attribute, () => writeAttribute(writer, name, value))
  text(writer, field.node.domain, domain)
}

function writeAttribute(writer: BinaryWriter, name: string, value: Given): void {
  text(writer, field.attribute.name, name)
  const type = (code: number) => integer(writer, field.attribute.type, code)
  if (typeof value === 'number' || typeof value === 'bigint') {
    integer(writer, field.attribute.i, value)
    type(2)
  } else if (typeof value === 'string') {
    text(writer, field.attribute.s, value)
    type(3)
  } else if (Array.isArray(value)) {
    for (const item of value as readonly number[]) integer(writer, field.attribute.ints, item)
    type(7)
  } else if ('float' in value) {
    writer.tag(field.attribute.f, WireType.Bit32).float(value.float)
    type(1)
  } else if ('floats' in value) {
    for (const item of value.floats) writer.tag(field.attribute.floats, WireType.Bit32).float(item)
    type(6)
  } else if ('tensor' in value) {
    message(writer, field.attribute.t, () => writeTensor(writer, '', value.tensor))
    type(4)
  } else if ('graph' in value) {
    message(writer, field.attribute.g, () => writeBody(writer, value.graph))
    type(5)
  } else if ('reference' in value) {
    text(writer, field.attribute.refAttrName, value.reference)
    type(2)
  }
}

function writeTensor(writer: BinaryWriter, name: string, { dtype, shape, inline }: Constant): void {
  for (const size of shape) integer(writer, field.tensor.dims, size)
  integer(writer, field.tensor.dataType, typeCodes[dtype])
  text(writer, field.tensor.name, name)
  writer.tag(field.tensor.rawData, WireType.LengthDelimited).bytes(inline ?? new Uint8Array())
}

function writeValue(writer: BinaryWriter, { name, dtype, shape }: GivenValue): void {
  text(writer, field.valueInfo.name, name)
  if (dtype === undefined) return
  message(writer, field.valueInfo.type, () => {
    message(writer, field.type.tensor, () => {
      integer(writer, field.tensorType.elementType, typeCodes[dtype])
      if (shape === undefined) return
      message(writer, field.tensorType.shape, () => {
        for (const size of shape) {
          message(writer, field.shape.dim, () => (typeof size === 'number' ? integer(writer, field.dimension.value, size) : text(writer, field.dimension.param, size)))
        }
      })
    })
  })
}
