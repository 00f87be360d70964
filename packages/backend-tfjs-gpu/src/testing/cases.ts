import { readFileSync } from 'node:fs'
import { allocate, elementCount, inlineConstant, tensor, type Attribute, type Constant, type Graph, type HostTensor, type NumericType } from '@tenon/core'
import { GraphBuilder } from '@tenon/graph'
import { standardOps } from '@tenon/graph/ops'

export interface Plain {
  readonly dtype: NumericType
  readonly shape: readonly number[]
  readonly data: readonly number[]
}

export interface Case {
  readonly op: string
  readonly what: string
  readonly attributes: Readonly<Record<string, Attribute | { readonly tensor: Plain }>>
  readonly inputs: readonly (Plain | null)[]
  readonly outputs: readonly Plain[]
}

/** What ONNX's reference implementation computes, or ONNX Runtime where an operator is its own: the fixture of @tenon/graph. */
export const { cases } = JSON.parse(readFileSync(new URL('../../../graph/fixtures/ops.json', import.meta.url), 'utf8')) as { cases: readonly Case[] }

export const titleOf = ({ op, what }: Case): string => `${op}${what === '' ? '' : `: ${what}`}`

/** JSON numbers round what is near 2⁶³, "to the end" of a slice. */
const integer64 = (value: number) => (value >= 2 ** 63 ? 2n ** 63n - 1n : BigInt(value))

function host<D extends NumericType>({ dtype, shape, data }: { readonly dtype: D; readonly shape: readonly number[]; readonly data: readonly number[] }): HostTensor<D> {
  const values = allocate(dtype, elementCount(shape))
  for (const [index, value] of data.entries()) values[index] = dtype === 'int64' ? integer64(value) : value
  return tensor(dtype, shape, values)
}

const constantOf = (plain: Plain): Constant => inlineConstant(plain.dtype, plain.shape, host(plain).values)

const isTensor = (value: unknown): value is { readonly tensor: Plain } => typeof value === 'object' && value !== null && 'tensor' in value

/** One node. Its inputs are constants, or inputs of the graph, except for axes and shapes, which decide ranks. */
export function graphOf(each: Case, as: 'constants' | 'inputs'): Graph {
  const builder = new GraphBuilder(each.op)
  const inputs = each.inputs.map((plain, index) => {
    if (plain === null) return undefined
    const isShape = (plain.dtype === 'int64' || plain.dtype === 'int32') && plain.shape.length === 1 && index > 0
    return as === 'constants' || isShape ? builder.constant(constantOf(plain), `i${index}`) : builder.input(`i${index}`, plain.dtype, plain.shape)
  })
  const attributes = Object.fromEntries(Object.entries(each.attributes).map(([name, value]) => [name, isTensor(value) ? constantOf(value.tensor) : value]))
  const values = builder.emit(standardOps.get(each.op)!, inputs, attributes, each.outputs.length)
  for (const [index, value] of values.entries()) builder.output(`o${index}`, value)
  return builder.build()
}

export const feedsOf = (each: Case, graph: Graph): Record<string, HostTensor> => Object.fromEntries(graph.inputs.map(({ name }) => [name, host(each.inputs[Number(name.slice(1))]!)]))
