import { inlineConstant, type Constant, type NumericType } from '@tenon/core'
import { one } from '../literals.js'
import type { ValueType } from '../op.js'
import type { Complain, ForeignAttribute, ForeignNode } from './foreign.js'
import { attributeCodes, typeCodes } from './schema.js'

/** What an adapter may ask and add. */
export interface Lifting {
  /** The version of its operator set that the node follows. */
  readonly version: number
  /** Adds a constant, named after the node and what the constant is for. */
  constant(purpose: string, constant: Constant): string
  /** A name for a further value, likewise. */
  fresh(purpose: string): string
  /** The constant behind a name, if it is one at hand. */
  constantOf(name: string): Constant | undefined
  /** What is known of a value. @throws InvalidFileError where that is nothing. */
  typeOf(name: string): ValueType
  /** Whether anything reads a value. */
  isRead(name: string): boolean
  /** Says what is wrong with the node. */
  readonly problem: Complain
}

/** Says a node in operators as they are now: in those of opset 21, or of our table. */
export type Adapter = (node: ForeignNode, lifting: Lifting) => readonly ForeignNode[]

const integer = (value: number): ForeignAttribute => ({ type: attributeCodes.int, ints: [value], floats: [], text: '' })

const without = (node: ForeignNode, ...names: string[]): ReadonlyMap<string, ForeignAttribute> => new Map([...node.attributes].filter(([name]) => !names.includes(name)))

const intsOf = (node: ForeignNode, name: string): readonly (number | bigint)[] | undefined => node.attributes.get(name)?.ints

const intOf = (node: ForeignNode, name: string, missing: number): number => Number(intsOf(node, name)?.[0] ?? missing)

const int64 = (values: readonly (number | bigint)[], shape: readonly number[] = [values.length]): Constant => inlineConstant('int64', shape, BigInt64Array.from(values, BigInt))

const renamed = (op: string): Adapter => (node) => [{ ...node, op }]

/** Below a version, attributes that became inputs later: their names in the order of the inputs, from the second on. */
const attributesToInputs = (below: number, ...names: string[]): Adapter => (node, lifting) => {
  if (lifting.version >= below) return [node]
  const added = names.map((name) => {
    const values = intsOf(node, name)
    return values === undefined || values.length === 0 ? '' : lifting.constant(name, int64(values))
  })
  return [{ ...node, inputs: [...node.inputs.slice(0, 1), ...added], attributes: without(node, ...names) }]
}

/** Attributes of no consequence while they have these values. */
const ignoring = (values: Readonly<Record<string, number>>): Adapter => (node, { problem }) => {
  for (const [name, value] of Object.entries(values)) {
    const given = node.attributes.get(name)
    const [first = value] = [...(given?.ints ?? []), ...(given?.floats ?? [])]
    if (Number(first) !== value) problem(`has ${name} ${first}, which is not read`, `Export the model with ${name} ${value}`)
  }
  return [{ ...node, attributes: without(node, ...Object.keys(values)) }]
}

/** Bounds were attributes, floats of the input's type. */
const clip: Adapter = (node, lifting) => {
  if (lifting.version >= 11) return [node]
  const bounds = ['min', 'max'].map((name) => {
    const bound = node.attributes.get(name)?.floats[0]
    return bound === undefined ? '' : lifting.constant(name, scalarOf(lifting.typeOf(node.inputs[0]!).dtype as NumericType, bound))
  })
  return [{ ...node, inputs: [...node.inputs.slice(0, 1), ...bounds], attributes: without(node, 'min', 'max') }]
}

const scalarOf = (dtype: NumericType, value: number): Constant => inlineConstant(dtype, [], one(dtype, value))

/** Before version 13, all dimensions from the axis on were one, and the axis was 1 by default. */
const flattenedAlongAxis: Adapter = (node, lifting) => {
  if (lifting.version >= 13) return [node]
  const [input = ''] = node.inputs
  const rank = lifting.typeOf(input).shape.length
  const given = intOf(node, 'axis', 1)
  const axis = given < 0 ? given + rank : given
  const along = (at: number) => new Map([...without(node, 'axis'), ['axis', integer(at)]])
  if (axis >= rank - 1) return [{ ...node, attributes: along(-1) }]
  const [flat, normalized, shape] = [lifting.fresh('flat'), lifting.fresh('normalized'), lifting.fresh('shape')]
  return [
    { op: 'Flatten', inputs: [input], outputs: [flat], attributes: new Map([['axis', integer(axis)]]) },
    { op: node.op, inputs: [flat], outputs: [normalized], attributes: along(-1) },
    { op: 'Shape', inputs: [input], outputs: [shape], attributes: new Map() },
    { op: 'Reshape', inputs: [normalized, shape], outputs: node.outputs, attributes: new Map([['allowzero', integer(1)]]) },
  ]
}

/** Sizes were an attribute before version 13; without sizes, the number of parts was that of the outputs before version 18. */
const split: Adapter = (node, lifting) => {
  const [adapted] = attributesToInputs(13, 'split')(node, lifting) as [ForeignNode]
  const inputs = adapted.inputs[1] === '' ? adapted.inputs.slice(0, 1) : adapted.inputs
  const attributes = lifting.version < 18 && inputs.length < 2 ? new Map([...adapted.attributes, ['num_outputs', integer(node.outputs.length)]]) : adapted.attributes
  return [{ ...adapted, inputs, attributes }]
}

/** Amounts were an attribute before version 11, as was the value. */
const pad: Adapter = (node, lifting) => {
  if (lifting.version >= 11) return [node]
  const value = node.attributes.get('value')?.floats[0] ?? 0
  const filler = lifting.constant('value', scalarOf(lifting.typeOf(node.inputs[0]!).dtype as NumericType, value))
  return [{ ...node, inputs: [...node.inputs.slice(0, 1), lifting.constant('pads', int64(intsOf(node, 'pads') ?? [])), filler], attributes: without(node, 'pads', 'value') }]
}

/** How many was an attribute before version 10. */
const topK: Adapter = (node, lifting) => {
  if (lifting.version >= 10) return [node]
  return [{ ...node, inputs: [...node.inputs.slice(0, 1), lifting.constant('k', int64([intOf(node, 'k', 1)]))], attributes: without(node, 'k') }]
}

/** Nothing is dropped when a model runs: the output is the input, and the mask keeps everything. */
const dropout: Adapter = (node, lifting) => {
  const [input = '', , training] = node.inputs
  const trains = training === undefined || training === '' ? 0 : lifting.constantOf(training)?.inline?.[0]
  if (trains !== 0) lifting.problem('drops at random, which is not read', 'Export the model for inference, in evaluation mode')
  const [output = '', mask = ''] = node.outputs
  const identity = output === '' ? [] : [{ op: 'Identity', inputs: [input], outputs: [output], attributes: new Map() }]
  if (mask === '' || !lifting.isRead(mask)) return identity
  const [shape, kept] = [lifting.fresh('shape'), lifting.constant('kept', inlineConstant('bool', [], Uint8Array.of(1)))]
  return [...identity, { op: 'Shape', inputs: [input], outputs: [shape], attributes: new Map() }, { op: 'Expand', inputs: [kept, shape], outputs: [mask], attributes: new Map() }]
}

/** A cast to the type of another value, which is known. */
const castLike: Adapter = (node, lifting) => {
  const [input = '', like = ''] = node.inputs
  return [{ ...node, op: 'Cast', inputs: [input], attributes: new Map([...node.attributes, ['to', integer(typeCodes[lifting.typeOf(like).dtype])]]) }]
}

const attention: Adapter = ignoring({ do_rotary: 0, past_present_share_buffer: 0, rotary_embedding_dim: 0 })

/**
 * How operators that changed, or are spelled otherwise, are read. Those not listed mean the same in every version read:
 * later ones only take more types or have further attributes, whose defaults are the old ways.
 */
export const adapters: ReadonlyMap<string, Adapter> = new Map<string, Adapter>([
  ['CastLike', castLike],
  ['Clip', clip],
  ['Dropout', dropout],
  ['LogSoftmax', flattenedAlongAxis],
  ['Pad', pad],
  ['ReduceSum', attributesToInputs(13, 'axes')],
  ...['ReduceL1', 'ReduceL2', 'ReduceLogSum', 'ReduceLogSumExp', 'ReduceMax', 'ReduceMean', 'ReduceMin', 'ReduceProd', 'ReduceSumSquare'].map((op) => [op, attributesToInputs(18, 'axes')] as const),
  ['Scatter', renamed('ScatterElements')],
  ['Slice', attributesToInputs(10, 'starts', 'ends', 'axes')],
  ['Softmax', flattenedAlongAxis],
  ['Split', split],
  ['Squeeze', attributesToInputs(13, 'axes')],
  ['TopK', topK],
  ['Unsqueeze', attributesToInputs(13, 'axes')],
  ['RMSNormalization', renamed('SimplifiedLayerNormalization')],
  ['com.microsoft::Attention', attention],
  ['com.microsoft::DequantizeLinear', renamed('DequantizeLinear')],
  ['com.microsoft::Gelu', renamed('Gelu')],
  ['com.microsoft::MatMulNBits', ignoring({ weight_prepacked: 0 })],
  ['com.microsoft::Pad', renamed('Pad')],
  ['com.microsoft::QAttention', attention],
  ['com.microsoft::QuantizeLinear', renamed('QuantizeLinear')],
  ['com.microsoft::RotaryEmbedding', ignoring({ is_packed_batching: 0, scale: 1 })],
  ['com.microsoft::TransposeMatMul', renamed('com.microsoft::FusedMatMul')],
  ['com.microsoft::Trilu', renamed('Trilu')],
])
