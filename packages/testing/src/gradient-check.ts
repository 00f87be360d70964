import { tensor, viewAs, type Backend, type Executable, type Graph, type HostTensor } from '@tenon/core'
import { verify } from '@tenon/graph'
import { gradient } from '@tenon/graph/gradient'
import { breach, keeps } from './breach.js'
import { runAndRead } from './read.js'

export interface GradientCheck {
  /** The output to differentiate: one number. */
  readonly of: string
  /** Names of inputs and of weights, float32 or float64. */
  readonly withRespectTo: readonly string[]
  readonly feeds: Readonly<Record<string, HostTensor>>
  /** How far an element is moved. Default: 1e-2 in float32, 1e-3 in float64. */
  readonly step?: number
  /** How far the gradient may be from the difference, in parts of the larger of the two where that is above 1. Default: 2e-3 in float32, 1e-7 in float64. */
  readonly tolerance?: number
  /** Elements of each tensor that are moved; spread evenly where it has more. Default 32. */
  readonly samples?: number
}

/** The largest difference that was found, and where. */
export interface GradientDifference {
  readonly name: string
  readonly element: number
  readonly gradient: number
  readonly difference: number
  /** How far the two are apart, as the tolerance counts it. */
  readonly away: number
}

type Floats = Float32Array | Float64Array

/**
 * Compares a graph's gradient, by the rules of its operators, with differences of the graph itself when elements are moved a
 * little (five points, so that the error goes down with the fourth power of the step). Works for every operator that has a rule,
 * one's own too.
 * @returns the largest difference. Rejects with an AssertionError where it is beyond the tolerance.
 * @example
 * await gradientCheck(backend, graph, { of: 'loss', withRespectTo: ['x'], feeds: { x: tensor('float32', [3], Float32Array.of(1, -2, 0.5)) } })
 */
export async function gradientCheck(backend: Backend<string, object>, graph: Graph, { of, withRespectTo, feeds, step, tolerance, samples = 32 }: GradientCheck): Promise<GradientDifference> {
  const fed = await weightsAsInputs(graph, withRespectTo)
  const moving: Readonly<Record<string, HostTensor>> = { ...fed.feeds, ...feeds }
  const derivative = verify(gradient(fed.graph, { of, withRespectTo }))
  await using executable = await backend.compile(derivative, {}, { emit: () => {} })
  await using original = await backend.compile(fed.graph, {}, { emit: () => {} })
  const found = await runAndRead(executable, moving)

  let worst: GradientDifference = { name: withRespectTo[0] ?? '', element: 0, gradient: 0, difference: 0, away: 0 }
  for (const name of withRespectTo) {
    const { dtype, shape, values } = moving[name]!
    const made = found[`gradient.${name}`]!
    const contract = 'a gradient is how the output varies with the value'
    keeps(made.dtype === dtype && made.shape.join() === shape.join(), { contract: `${contract}: it has its type and shape`, did: `gradient.${name} is ${made.dtype}[${made.shape.join(', ')}] and '${name}' is ${dtype}[${shape.join(', ')}]` })
    const [h, allowed] = dtype === 'float64' ? [step ?? 1e-3, tolerance ?? 1e-7] : [step ?? 1e-2, tolerance ?? 2e-3]
    const stride = Math.max(1, Math.floor(values.length / samples))
    for (let element = 0; element < values.length; element += stride) {
      const at = (steps: number) => outputAt(original, of, moving, name, element, steps * h)
      const [back2, back, on, on2] = [await at(-2), await at(-1), await at(1), await at(2)]
      const difference = (back2 - 8 * back + 8 * on - on2) / (12 * h)
      const rule = Number(made.values[element])
      const away = Math.abs(rule - difference) / Math.max(1, Math.abs(rule), Math.abs(difference))
      if (!(away <= worst.away)) worst = { name, element, gradient: rule, difference, away }
      if (!(away <= allowed)) throw breach({ contract, did: `gradient.${name} is ${rule} at element ${element}, where '${of}' varies by ${difference}`, actual: rule, expected: difference })
    }
  }
  return worst
}

/** The output when one element is moved. */
async function outputAt(executable: Executable, of: string, feeds: Readonly<Record<string, HostTensor>>, name: string, element: number, by: number): Promise<number> {
  const { dtype, shape, values } = feeds[name]!
  const moved = values.slice() as Floats
  moved[element] = moved[element]! + by
  const { [of]: output } = await runAndRead(executable, { ...feeds, [name]: tensor(dtype as 'float32', shape, moved as Float32Array) })
  return Number(output!.values[0])
}

/** The graph with the weights that are moved among its inputs, and what to feed for them. */
async function weightsAsInputs(graph: Graph, names: readonly string[]): Promise<{ graph: Graph; feeds: Record<string, HostTensor> }> {
  const weights = names.filter((name) => graph.constants.has(name))
  const feeds: Record<string, HostTensor> = {}
  for (const name of weights) {
    const weight = graph.constants.get(name)!
    feeds[name] = tensor(weight.dtype, weight.shape, viewAs(weight.dtype, await weight.bytes()))
  }
  const inputs = weights.map((name) => ({ name, dtype: graph.constants.get(name)!.dtype, shape: graph.constants.get(name)!.shape }))
  const constants = new Map([...graph.constants].filter(([name]) => !weights.includes(name)))
  return { graph: { ...graph, inputs: [...graph.inputs, ...inputs], constants }, feeds }
}
