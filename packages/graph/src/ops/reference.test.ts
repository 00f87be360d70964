import { readFileSync } from 'node:fs'
import { elementCount, inlineConstant, type Attribute, type Dimension, type Graph, type NumericType } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../builder.js'
import { filled } from '../call.js'
import type { HostArray, OpDefinition } from '../op.js'
import { verify } from '../verify.js'
import { constantOf, difference, lowered, run, tensorOf } from '../test-support.js'
import { standardOps } from './index.js'

interface Plain {
  readonly dtype: NumericType
  readonly shape: readonly number[]
  readonly data: readonly number[]
}

interface Case {
  readonly op: string
  readonly what: string
  readonly attributes: Readonly<Record<string, Attribute | { readonly tensor: Plain }>>
  readonly inputs: readonly (Plain | null)[]
  readonly outputs: readonly Plain[]
}

/** What ONNX's reference implementation computes, or ONNX Runtime where an operator is its own. */
const { cases } = JSON.parse(readFileSync(new URL('../../fixtures/ops.json', import.meta.url), 'utf8')) as { cases: readonly Case[] }

const host = ({ dtype, shape, data }: Plain) => tensorOf(dtype, shape, data)
const isTensor = (value: unknown): value is { readonly tensor: Plain } => typeof value === 'object' && value !== null && 'tensor' in value
const attributesOf = ({ attributes }: Case): Record<string, Attribute> =>
  Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, isTensor(value) ? constantOf(host(value.tensor)) : value]))
const named = cases.map((each) => [`${each.op}${each.what === '' ? '' : `: ${each.what}`}`, each] as const)

/** One node; its inputs are constants, or inputs of the graph. */
function graphOf(each: Case, as: 'constants' | 'inputs') {
  const builder = new GraphBuilder(each.op)
  const inputs = each.inputs.map((plain, index) => {
    if (plain === null) return undefined
    // Axes and shapes stay constants: they decide ranks.
    const isShape = (plain.dtype === 'int64' || plain.dtype === 'int32') && plain.shape.length === 1 && index > 0
    return as === 'constants' || isShape ? builder.constant(constantOf(host(plain)), `i${index}`) : builder.input(`i${index}`, plain.dtype, plain.shape)
  })
  const values = builder.emit(standardOps.get(each.op)!, inputs, attributesOf(each), each.outputs.length)
  values.forEach((value, index) => builder.output(`o${index}`, value))
  return { graph: builder.build(), values }
}

const feedsOf = (each: Case, graph: Graph) => Object.fromEntries(graph.inputs.map(({ name }) => [name, host(each.inputs[Number(name.slice(1))]!)]))

/** Sizes that depend on what the elements are: no inference knows them. */
const dataDependent = new Set(['NonZero'])

describe('every operator, compared with the reference implementation', () => {
  it('has a case, or is not of ONNX', () => {
    const missing = [...standardOps.keys()].filter((op) => !op.includes('::') && !cases.some((each) => each.op === op))
    expect(missing).toEqual([])
  })

  it.each(named)('infers the types and shapes of %s', (_, each) => {
    const { graph, values } = graphOf(each, 'constants')
    verify(graph)
    const sizes = (shape: readonly Dimension[], index: number) => shape.map((size, axis) => (dataDependent.has(each.op) && typeof size === 'string' ? each.outputs[index]!.shape[axis] : size))
    expect(values.map(({ dtype, shape }, index) => ({ dtype, shape: sizes(shape, index) }))).toEqual(each.outputs.map(({ dtype, shape }) => ({ dtype, shape })))
    // Where sizes come from inputs, they are symbols of the same number.
    const unknown = graphOf(each, 'inputs')
    verify(unknown.graph)
    unknown.values.forEach(({ shape }, index) => {
      const expected = each.outputs[index]!.shape
      expect(shape).toHaveLength(expected.length)
      expect(shape.map((size, axis) => (typeof size === 'string' ? expected[axis] : size))).toEqual(expected)
    })
  })

  it.each(named)('knows nothing wrong of the elements of %s', (_, each) => {
    const { values } = graphOf(each, 'constants')
    const known = values.map(({ elements }, index) => elements && [elements, each.outputs[index]!.data]).filter((pair) => pair !== undefined)
    for (const [elements, expected] of known) expect(elements).toEqual(expected)
  })

  const evaluable = named.filter(([, { op }]) => standardOps.get(op)!.evaluate !== undefined)
  it.each(evaluable)('evaluates %s', (_, each) => {
    const arrays = each.inputs.map((plain): HostArray | undefined => (plain === null ? undefined : { ...host(plain) }))
    const definition = standardOps.get(each.op) as OpDefinition
    const result = definition.evaluate!(arrays as never, filled(definition, attributesOf(each)) as never)
    // Some cases are left to run time, such as Max of three.
    if (result === undefined) return
    const [expected] = each.outputs
    expect({ dtype: result.dtype, shape: result.shape }).toEqual({ dtype: expected!.dtype, shape: expected!.shape })
    expect(difference(Array.from(result.values as Float32Array, Number), expected!.data)).toBeLessThanOrEqual(1e-6)
  })

  it('evaluates most of what it says it can', () => {
    const left = evaluable.filter(([, each]) => {
      const definition = standardOps.get(each.op) as OpDefinition
      return definition.evaluate!(each.inputs.map((plain) => plain && host(plain)) as never, filled(definition, attributesOf(each)) as never) === undefined
    })
    expect(left.map(([name]) => name)).toEqual(['Max: one input', 'Max: three inputs', 'Min: one input', 'Min: three inputs'])
  })

  // Empty tensors cannot be fed through the JavaScript API, and no kernel of the CPU takes these.
  const unfit = (each: Case) => [...each.inputs, ...each.outputs].some((plain) => plain !== null && elementCount(plain.shape) === 0)
  it.each(named.filter(([, each]) => !unfit(each)))('is understood by ONNX Runtime as by the reference: %s', async (_, each) => {
    const { graph } = graphOf(each, 'inputs')
    const results = await run(graph, feedsOf(each, graph))
    each.outputs.forEach((expected, index) => {
      const { shape, values } = results[`o${index}`]!
      expect(shape).toEqual(expected.shape)
      expect(difference(values, expected.data)).toBeLessThanOrEqual(1e-5)
    })
  })
})

describe('decompositions, compared with the reference implementation', () => {
  /** Rounded to 8 bits, a last bit may go the other way; tanh and erf are others' approximations. */
  const within = ({ op }: Case) => (op.includes('QLinear') || op.includes('QGemm') ? 1 : 1e-4)
  /** Quotients of integers are no products. */
  const simplest = (each: Case) => each.op === 'Div' && each.outputs[0]!.dtype.startsWith('int')
  const composite = named.filter(([, each]) => standardOps.get(each.op)!.decompose !== undefined && !simplest(each) && !each.outputs.some(({ shape }) => elementCount(shape) === 0))

  it.each(composite)('%s', async (_, each) => {
    const { graph } = graphOf(each, 'inputs')
    const simpler = lowered(graph, each.op)
    expect(simpler.nodes.map(({ op }) => op)).not.toContain(each.op)
    const results = await run(verify(simpler), feedsOf(each, simpler))
    each.outputs.forEach((expected, index) => {
      const { shape, values } = results[`o${index}`]!
      expect(shape).toEqual(expected.shape)
      expect(values.reduce((worst, value, at) => Math.max(worst, Math.abs(value - expected.data[at]!) / (Math.abs(expected.data[at]!) > 1 && within(each) < 1 ? Math.abs(expected.data[at]!) : 1)), 0)).toBeLessThanOrEqual(within(each))
    })
  })
})

describe('evaluating', () => {
  const evaluate = (op: string, ...inputs: HostArray[]) => standardOps.get(op)!.evaluate!(inputs as never, {} as never)
  const array = (dtype: NumericType, ...list: number[]): HostArray => ({ ...tensorOf(dtype, [list.length], list) })

  it.each([
    ['an integer division by zero', 'Div', array('int64', 1), array('int64', 0)],
    ['an int32 division by zero', 'Div', array('int32', 1), array('int32', 0)],
    ['an integer power that is a fraction', 'Pow', array('int64', 2), array('int64', -1)],
    ['a product beyond 2⁵³', 'Mul', array('int64', 2 ** 40), array('int64', 2 ** 40)],
  ])('leaves %s to run time', (_, op, a, b) => {
    expect(evaluate(op, a, b)).toBeUndefined()
  })

  it('leaves types that numbers do not hold to run time', () => {
    const half: HostArray = { dtype: 'float16', shape: [1], values: Uint16Array.of(0x3c00) }
    expect(evaluate('Add', half, half)).toBeUndefined()
    const large: HostArray = { dtype: 'int64', shape: [1], values: BigInt64Array.of(2n ** 60n) }
    expect(evaluate('Neg', large)).toBeUndefined()
  })

  it('does not cast what is no number to an integer', () => {
    const { evaluate: cast } = standardOps.get('Cast')!
    expect(cast!([array('float32', NaN)] as never, { to: 'int64' } as never)).toBeUndefined()
    expect(inlineConstant('float32', [1], Float32Array.of(NaN)).byteLength).toBe(4)
  })
})
