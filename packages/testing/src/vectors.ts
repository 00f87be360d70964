import { readFileSync } from 'node:fs'
import { inlineConstant, tensor, viewAs, type Attribute, type Constant, type Graph, type HostTensor, type NumericType } from '@tenon/core'
import { GraphBuilder, type OpDefinition } from '@tenon/graph'
import { standardOps } from '@tenon/graph/ops'

/** Type, shape, and the bytes in base64. */
type Packed = readonly [dtype: NumericType, shape: readonly number[], bytes: string]

/** One node with its inputs, and what the specification says it makes of them. */
export interface Vector {
  readonly name: string
  readonly op: string
  readonly attributes: Readonly<Record<string, Attribute | { readonly tensor: Packed }>>
  /** `null` where an optional one is left out. */
  readonly inputs: readonly (Packed | null)[]
  readonly outputs: readonly (Packed | null)[]
}

/** The test vectors of ONNX and ONNX Runtime for the operators of @tenon/graph. */
export function readVectors(): readonly Vector[] {
  return JSON.parse(readFileSync(new URL('../fixtures/onnx-node-tests.json', import.meta.url), 'utf8')) as Vector[]
}

/** Which inputs are fed: what a model computes alone, its weights, axes and shapes being constants, or every one. */
export type Feeding = 'activations' | 'everything'

/** The vector as a graph of one node. */
export function graphOf({ name, op, attributes, inputs, outputs }: Vector, feeding: Feeding): Graph {
  const builder = new GraphBuilder(name)
  const values = inputs.map((packed, index) => {
    if (packed === null) return undefined
    const { dtype, shape, values } = unpacked(packed)
    return feeding === 'everything' || !isParameter(packed, index) ? builder.input(`input${index}`, dtype, shape) : builder.constant(inlineConstant(dtype, shape, values), `input${index}`)
  })
  const made = builder.emitNamed(definitionOf(op), values, attributesOf(attributes), outputs.map((packed, index) => (packed === null ? '' : `output${index}`)))
  made.forEach((value, index) => outputs[index] === null || builder.output(`output${index}`, value))
  return builder.build()
}

function definitionOf(op: string): OpDefinition {
  return standardOps.get(op)!
}

/** Lists of integers behind the first input decide shapes, and models have them as constants. */
const isParameter = ([dtype, shape]: Packed, index: number) => index > 0 && (dtype === 'int64' || dtype === 'int32') && shape.length <= 1

export const hasParameters = ({ inputs }: Vector): boolean => inputs.some((packed, index) => packed !== null && isParameter(packed, index))

export const feedsOf = ({ inputs }: Vector, graph: Graph): Record<string, HostTensor> =>
  Object.fromEntries(graph.inputs.map(({ name }) => [name, unpacked(inputs[Number(name.slice('input'.length))]!)]))

export const expectedOf = ({ outputs }: Vector): readonly (readonly [name: string, expected: HostTensor])[] =>
  outputs.flatMap((packed, index) => (packed === null ? [] : [[`output${index}`, unpacked(packed)] as const]))

function attributesOf(attributes: Vector['attributes']): Record<string, Attribute> {
  return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, isTensor(value) ? constantOf(unpacked(value.tensor)) : value]))
}

const isTensor = (value: Vector['attributes'][string]): value is { readonly tensor: Packed } => typeof value === 'object' && 'tensor' in value

const constantOf = ({ dtype, shape, values }: HostTensor): Constant => inlineConstant(dtype, shape, values)

function unpacked([dtype, shape, bytes]: Packed): HostTensor {
  return tensor(dtype, shape, viewAs(dtype, Uint8Array.from(Buffer.from(bytes, 'base64'))))
}
