import type { Constant, DataType, Graph, Node } from '@tenon/core'
import { rewrite, type Value } from '@tenon/graph'
import { Cast, Gather } from '@tenon/graph/ops'
import { weightLayout } from '../weight-layout.js'
import { derive, derivedFrom, storedOf } from '../weights/derive.js'
import { sourceOf } from '../weights/source-of.js'

/**
 * A graph whose linear layers are floats of 16 bits, with them as float32, to lie in a file and be run from there: no backend has to
 * widen them, and lay them out, at each start. The same graph where there are none, or where other layers have fewer bits.
 */
export const widened = (graph: Graph): Graph =>
  replaced(graph, (constant, name, visit) => (sourceOf(storedOf(weightOf(constant))) === undefined ? undefined : visit.once(`${name}_wide`, (wide) => visit.constant(wide, widenedConstant(constant)))))

/** A graph with weights of 16 bits as they are stored, which backends widen at each start. */
export const narrowed = (graph: Graph): Graph =>
  replaced(graph, (constant, name, visit) => (storedOf(constant) === constant ? undefined : visit.once(name, () => Cast(visit.constant(name, storedOf(constant)), { to: 'float32' }))))

/** Bytes that weights of 16 bits take as float32. @param rounds Whether those of float32 are such, too: they are to be rounded. */
export function wideBytes(constants: Iterable<Constant>, rounds: boolean): number {
  const matrices = Array.from(constants).filter(({ dtype, shape }) => shape.length >= 2 && (halfTypes.has(dtype) || (rounds && dtype === 'float32')))
  return matrices.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 4), 0)
}

const halfTypes: ReadonlySet<DataType> = new Set(['float16', 'bfloat16'])

interface Visit {
  once(name: string, make: (name: string) => Value): Value
  constant(name: string, constant: Constant): Value
}

/** @param replacement What stands in for a weight of 16 bits, as float32; `undefined` leaves it. */
function replaced(graph: Graph, replacement: (constant: Constant, name: string, visit: Visit) => Value | undefined): Graph {
  if (Array.from(graph.constants.values()).some(({ dtype }) => dtype === 'uint8' || dtype === 'int8')) return graph
  const known = new Map<string, Value>()
  return rewrite(graph, ({ node, definition, inputs, builder }) => {
    const visit: Visit = {
      once(name, make) {
        const value = known.get(name) ?? make(name)
        known.set(name, value)
        return value
      },
      constant: (name, constant) => builder.constant(constant, name),
    }
    const read = weightLayout(node) !== undefined ? inputs[1] : node.op === Cast.op || isLookup(node) ? inputs[0] : undefined
    const constant = read && builder.constantOf(read)
    if (constant === undefined || constant.shape.length !== 2 || constant.blocks !== undefined) return undefined
    if (node.op === Cast.op) return halfTypes.has(constant.dtype) && node.attributes['to'] === 'float32' ? replacement(constant, read!.name, visit) : undefined
    const stored = storedOf(constant)
    if (constant.dtype !== 'float32' || stored === constant) return undefined
    if (isLookup(node)) return Cast(Gather(visit.once(`${read!.name}_stored`, (name) => visit.constant(name, stored)), inputs[1]!), { to: 'float32' })
    const weight = replacement(constant, `${read!.name}_16`, visit)
    return weight && builder.emitNamed(definition, [inputs[0], weight, ...inputs.slice(2)], node.attributes, node.outputs)
  })
}

/** Rows of a table, which are widened as they are looked up. */
const isLookup = ({ op, attributes }: Node): boolean => op === Gather.op && (attributes['axis'] ?? 0) === 0

/** What it was rounded from, where it was. */
const weightOf = (constant: Constant): Constant => derivedFrom(constant)?.derivation.weight ?? constant

const widenedConstant = (constant: Constant): Constant => derive({ recipe: { kind: 'wide' }, weight: weightOf(constant), axis: 0, parts: [{ dtype: 'float32', shape: constant.shape }] })[0]!
