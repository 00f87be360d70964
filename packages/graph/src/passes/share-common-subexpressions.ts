import type { Attribute, Constant, Graph, Node, Pass } from '@tenon/core'
import { LITERAL_BYTES } from '../literals.js'
import { opsOf } from '../ops-of.js'

/**
 * Makes each value once: nodes of one op with the same inputs and attributes become one, and so do constants that are the
 * same object, lie in the same place of a file, or are small and equal. What draws random numbers is left alone.
 */
export function shareCommonSubexpressions(): Pass {
  return { name: 'share common subexpressions', apply: shared }
}

function shared(graph: Graph): Graph {
  const ops = opsOf(graph)
  const isOutput = new Set(graph.outputs.map(({ name }) => name))
  const first = new Map<string, string>() // of equal values, the one that stays
  const stays = (name: string) => first.get(name) ?? name
  const identify = identifier()

  const seen = new Map<string, string>()
  const constants = new Map([...graph.constants].filter(([name, constant]) => {
    const key = identify(constant)
    const known = seen.get(key)
    if (known === undefined) seen.set(key, name)
    else if (!isOutput.has(name)) first.set(name, known)
    return !first.has(name)
  }))

  const made = new Map<string, Node>()
  const nodes = graph.nodes.flatMap((node): Node[] => {
    const inputs = node.inputs.map(stays)
    const current = inputs.every((name, index) => name === node.inputs[index]) ? node : Object.freeze({ ...node, inputs: Object.freeze(inputs) })
    if (ops.get(node.op)?.random) return [current]
    const key = keyOf(current, identify)
    const known = made.get(key)
    if (known === undefined) {
      made.set(key, current)
      return [current]
    }
    // An output of the graph keeps its name, and the node that makes it.
    if (node.outputs.some((name) => isOutput.has(name))) return [current]
    for (const [index, name] of node.outputs.entries()) if (name !== '') first.set(name, known.outputs[index]!)
    return []
  })
  return first.size === 0 ? graph : Object.freeze({ ...graph, nodes: Object.freeze(nodes), constants })
}

/** Equal keys are equal computations, with the same of their outputs wanted. */
function keyOf({ op, inputs, outputs, attributes }: Node, identify: (constant: Constant) => string): string {
  const told = Object.entries(attributes as Readonly<Record<string, Attribute>>)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => [name, isConstant(value) ? identify(value) : value])
  return JSON.stringify([op, inputs, outputs.map((name) => name !== ''), told], (_, value: unknown) => (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0)) ? { number: Object.is(value, -0) ? '-0' : String(value) } : value))
}

const isConstant = (value: Attribute): value is Constant => typeof value === 'object' && 'bytes' in value

/** A name for what a constant holds: by its content where that is small, by its place in a file, or as the object it is. */
function identifier(): (constant: Constant) => string {
  const numbers = new Map<Constant, number>()
  return (constant) => {
    const { dtype, shape, byteLength, file, inline } = constant
    const type = `${dtype}[${shape.join()}]`
    if (inline !== undefined && byteLength <= LITERAL_BYTES) return `${type} ${inline.join()}`
    if (file !== undefined) return `${type} at ${file.offset} of ${file.path}`
    if (!numbers.has(constant)) numbers.set(constant, numbers.size)
    return `${type} number ${numbers.get(constant)}`
  }
}
