import { InvalidGraphError, type Graph, type Node } from '@tenon/core'
import { opsOf } from './ops-of.js'

/**
 * A run writes an update into its input's memory, and in what order it runs nodes is its own affair as long as values are
 * made before they are read. So whatever reads the input must stand before the update by the data alone, or make the
 * update itself, element by element.
 * `verify` asks for this too; a backend asks again, since it is the one to write.
 * @throws InvalidGraphError
 */
export function checkUpdates(graph: Graph): void {
  if (graph.updates === undefined) return
  const complain = (problem: string, remedy?: string): never => {
    throw new InvalidGraphError({ graph: graph.name, problem, ...(remedy !== undefined && { remedy }) })
  }
  const ops = opsOf(graph)
  const makers = new Map<string, Node>()
  const readers = new Map<string, Node[]>()
  for (const node of graph.nodes) {
    for (const name of node.outputs) makers.set(name, node)
    for (const name of new Set(node.inputs)) readers.set(name, [...(readers.get(name) ?? []), node])
  }
  /** Those that read a value, themselves or through a view of it. */
  const readersOf = (value: string): Node[] => (readers.get(value) ?? []).flatMap((node) => (ops.get(node.op)?.view ? [node, ...readersOf(node.outputs[0]!)] : [node]))
  const isView = (name: string, of: string): boolean => {
    const maker = makers.get(name)
    return maker !== undefined && ops.get(maker.op)?.view === true && (maker.inputs[0] === of || isView(maker.inputs[0]!, of))
  }
  /** A view may show the elements in another order: what makes the update may read only the input itself, each element just before it is written. */
  const inPlace = (maker: Node, output: string, input: string): boolean =>
    maker.inputs.every((name, index) => (name === input ? ops.get(maker.op)?.inPlace?.[maker.outputs.indexOf(output)]?.includes(index) === true : !isView(name, input)))
  const updated = new Set<string>()
  for (const [output, input] of graph.updates) {
    const [after, before] = [graph.outputs.find(({ name }) => name === output), graph.inputs.find(({ name }) => name === input)]
    if (after === undefined || before === undefined) return complain(`'${output}' updates '${input}', and there is no such ${after === undefined ? 'output' : 'input'}`)
    if (after.dtype !== before.dtype || after.shape.join() !== before.shape.join()) complain(`'${output}' is ${after.dtype}[${after.shape.join(', ')}] and updates '${input}', which is ${before.dtype}[${before.shape.join(', ')}]`)
    if (updated.has(input)) complain(`'${input}' is updated twice`)
    updated.add(input)
    const maker = makers.get(output)
    if (maker === undefined) return complain(`nothing makes '${output}', which updates '${input}'`, 'Leave it out of the updates')
    let earlier: ReadonlySet<Node> | undefined
    for (const reader of readersOf(input)) {
      if (reader === maker ? inPlace(maker, output, input) : (earlier ??= ancestorsOf(maker, makers)).has(reader)) continue
      complain(
        reader === maker ? `${maker.op} reads '${input}' while it writes '${output}' over it` : `${reader.op} (which makes '${reader.outputs[0]}') may read '${input}' after '${output}' was written over it`,
        reader === maker ? `Make '${output}' in two steps` : `Let '${output}' depend on '${reader.outputs[0]}'`,
      )
    }
  }
}

function ancestorsOf(node: Node, makers: ReadonlyMap<string, Node>): ReadonlySet<Node> {
  const found = new Set<Node>()
  const waiting = [node]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const name of next.inputs) {
      const maker = makers.get(name)
      if (maker !== undefined && !found.has(maker)) waiting.push((found.add(maker), maker))
    }
  }
  return found
}
