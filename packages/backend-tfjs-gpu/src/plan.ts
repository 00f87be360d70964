import { elementCount, type Constant, type Graph, type NumericType } from '@tenon/core'
import { inferTypes, type ValueType } from '@tenon/graph'
import { standardOps } from '@tenon/graph/ops'
import { carrierOf, checkNumeric, computeTypeOf } from './carrier.js'
import { attributesOf, chooseOp } from './choose-op.js'
import type { DeviceOp, HostOp, Wanted } from './op.js'

/** How a step wants an input: as a tensor of the device, as an array, or only its shape. */
export type Reading = 'device' | 'host' | 'shape'

/** One node, with everything settled that does not depend on what is fed. Values are numbered; -1 is one left out. */
export interface Step {
  readonly op: string
  /** What it makes, to name it in errors. */
  readonly makes: string
  readonly where: 'device' | 'host'
  readonly run: DeviceOp['run'] | HostOp['run']
  readonly attributes: Readonly<Record<string, unknown>>
  readonly wanted: Wanted
  readonly inputs: readonly number[]
  readonly readings: readonly Reading[]
  readonly outputs: readonly number[]
  /** The values that nobody reads after it. */
  readonly last: readonly number[]
}

/** A value at the border of the graph. */
export interface Border {
  readonly name: string
  readonly value: number
  readonly dtype: NumericType
}

export interface Plan {
  /** How many values there are. */
  readonly size: number
  readonly inputs: readonly Border[]
  readonly outputs: readonly Border[]
  /** The constants that are read, and how. */
  readonly constants: readonly { readonly constant: Constant; readonly value: number; readonly readings: ReadonlySet<Reading> }[]
  /** Steps that depend on constants alone: they run once, and free the constants that nothing else reads. */
  readonly once: readonly Step[]
  readonly steps: readonly Step[]
}

/** What is computed once stays; it may be some times larger than the constants it is computed from. */
const MOST_GROWTH = 4
const SMALL = 64 * 1024

export function planOf(graph: Graph): Plan {
  const types = inferTypes(graph)
  const numbers = new Map<string, number>()
  const numberOf = (name: string): number => {
    if (name === '') return -1
    if (!numbers.has(name)) numbers.set(name, numbers.size)
    return numbers.get(name)!
  }
  const border = ({ name, dtype }: { name: string; dtype: ValueType['dtype'] }): Border => ({ name, value: numberOf(name), dtype: checkNumeric(graph.name, name, dtype) })

  const inputs = graph.inputs.map(border)
  const onHost = new Set<string>()
  for (const { name, dtype } of graph.inputs) if (carrierOf(computeTypeOf(dtype)) !== 'float32') onHost.add(name)
  /** How many bytes of constants a value that depends on nothing else was made from. */
  const fixed = new Map<string, number>()
  for (const [name, { dtype, byteLength }] of graph.constants) {
    fixed.set(name, byteLength)
    if (carrierOf(computeTypeOf(dtype)) !== 'float32') onHost.add(name)
  }

  const all = graph.nodes.map((node) => {
    const made = node.outputs.map((name): ValueType => types.get(name) ?? { dtype: 'float32', shape: [] })
    const sources = node.inputs.map((name) => (name === '' ? undefined : { ...typeOf(types.get(name)!), onHost: onHost.has(name) }))
    const choice = chooseOp({ op: node.op, inputs: sources, outputs: made, attributes: node.attributes })!
    const hostInputs = choice.where === 'device' ? choice.op.host : undefined
    const shapes = choice.where === 'host' ? choice.op.shapes : undefined
    if (choice.where === 'host') for (const name of node.outputs) onHost.add(name)
    const bytes = node.inputs.length > 0 && !standardOps.get(node.op)!.random ? fixedBytes(node.inputs, fixed, made) : undefined
    if (bytes !== undefined) for (const name of node.outputs) fixed.set(name, bytes)
    const step: Omit<Step, 'last'> = {
      op: node.op,
      makes: node.outputs.find((name) => name !== '') ?? '',
      where: choice.where,
      run: choice.op.run as Step['run'],
      attributes: attributesOf(standardOps.get(node.op)!, node.attributes),
      wanted: { types: made.map(({ dtype }) => computeTypeOf(dtype)), declared: made.map(({ dtype }) => dtype) },
      inputs: node.inputs.map(numberOf),
      readings: node.inputs.map((_, index): Reading => (shapes?.includes(index) ? 'shape' : choice.where === 'host' || hostInputs?.includes(index) ? 'host' : 'device')),
      outputs: node.outputs.map(numberOf),
    }
    return { step, isFixed: bytes !== undefined }
  })
  const outputs = graph.outputs.map(border)
  const once = all.filter(({ isFixed }) => isFixed).map(({ step }) => step)
  const steps = all.filter(({ isFixed }) => !isFixed).map(({ step }) => step)
  const constantNumbers = new Set([...graph.constants.keys()].flatMap((name) => numbers.get(name) ?? []))
  const delivered = outputs.map(({ value }) => value)
  const readAtRuns = steps.flatMap((step) => step.inputs)
  const fixedNumbers = new Set(once.flatMap((step) => step.outputs))
  return {
    size: numbers.size,
    inputs,
    outputs,
    constants: [...graph.constants].filter(([name]) => numbers.has(name)).map(([name, constant]) => ({ constant, value: numbers.get(name)!, readings: readingsOf(numbers.get(name)!, [...once, ...steps]) })),
    once: withLast(once, new Set([...delivered, ...readAtRuns])),
    steps: withLast(steps, new Set([...delivered, ...constantNumbers, ...fixedNumbers])),
  }
}

const typeOf = ({ dtype, shape }: ValueType): ValueType => ({ dtype, shape })

/** The bytes of the constants that a node depends on, if on nothing else, and unless it makes much more of them. */
function fixedBytes(inputs: readonly string[], fixed: ReadonlyMap<string, number>, made: readonly ValueType[]): number | undefined {
  const bytes = inputs.filter((name) => name !== '').map((name) => fixed.get(name))
  if (!bytes.every((each) => each !== undefined)) return undefined
  const total = bytes.reduce((sum, each) => sum + each, 0)
  const sizes = made.map(({ shape }) => (shape.every((size) => typeof size === 'number') ? 4 * elementCount(shape as readonly number[]) : Infinity))
  return sizes.reduce((sum, size) => sum + size, 0) <= Math.max(SMALL, MOST_GROWTH * total) ? total : undefined
}

const readingsOf = (value: number, steps: readonly Pick<Step, 'inputs' | 'readings'>[]): ReadonlySet<Reading> => new Set(steps.flatMap(({ inputs, readings }) => inputs.flatMap((input, index) => (input === value ? [readings[index]!] : []))))

/** Each step with the values that it is the last to read, or that it makes and nobody reads; those to keep left out. */
function withLast(steps: readonly Omit<Step, 'last'>[], kept: ReadonlySet<number>): Step[] {
  const seen = new Set(kept)
  return steps
    .toReversed()
    .map((step): Step => {
      const last = [...new Set([...step.inputs, ...step.outputs])].filter((value) => value >= 0 && !seen.has(value))
      for (const value of last) seen.add(value)
      return { ...step, last }
    })
    .toReversed()
}

