import type { Constant, Graph, Origin } from '@tenon/core'
import { derivedFrom, storedOf, type Derivation } from '../weights/derive.js'
import { isKeepable, type ComputedEntry, type DerivedEntry, type Entry } from '../weights/kept-file.js'
import { sourceOf } from '../weights/source-of.js'

/** Whose names are yet to be found. */
type Unnamed<E extends Entry> = Omit<E, 'names'> & { readonly names: string[] }

/** What is to be computed, once for all graphs that want the same of the same weight. */
export class Plan {
  readonly #graphs = new Set<Graph>()
  readonly #entries = new Map<string, Unnamed<DerivedEntry> | Unnamed<ComputedEntry>>()
  readonly #places = new Map<Constant, string>()
  readonly #taken = new Set<string>()

  constructor(graphs: Iterable<Graph>) {
    for (const graph of graphs) this.add(graph)
  }

  has(graph: Graph): boolean {
    return this.#graphs.has(graph)
  }

  get entries(): readonly Entry[] {
    return Array.from(this.#entries.values()) as unknown as readonly Entry[]
  }

  /** Under which name each constant of the graphs is kept. */
  get places(): ReadonlyMap<Constant, string> {
    return this.#places
  }

  /** One graph more. What was planned before keeps its names. */
  add(graph: Graph): void {
    if (this.#graphs.has(graph)) return
    this.#graphs.add(graph)
    const of: (Unnamed<DerivedEntry> | Unnamed<ComputedEntry>)[] = []
    for (const [name, constant] of graph.constants) {
      const derived = derivedFrom(constant)
      const [same, part] = derived === undefined ? [computedAs(constant), 0] : [sameness(derived.derivation), derived.part]
      if (same === undefined) continue
      const entry = this.#entries.get(same) ?? (derived === undefined ? { constant, names: [] } : { derivation: derived.derivation, names: [] })
      this.#entries.set(same, entry)
      of.push(entry)
      entry.names[part] ??= this.#free(name)
      this.#places.set(constant, entry.names[part]!)
    }
    // Of what is made together, a graph may use only a part.
    for (const entry of of) if ('derivation' in entry) entry.derivation.parts.forEach((_, part) => (entry.names[part] ??= this.#free(`${entry.names.find((name) => name !== undefined)!}.${part}`)))
  }

  #free(name: string): string {
    let chosen = name
    for (let count = 2; this.#taken.has(chosen); count++) chosen = `${name} ${count}`
    this.#taken.add(chosen)
    return chosen
  }
}

/** Up to here, computing a constant takes no longer than finding it. Biases of a few heads are larger, and merged with others that lie in the file. */
const SMALL = 256

/** What a constant is computed from, if it is computed and worth keeping: equal where the bytes are. */
function computedAs(constant: Constant): string | undefined {
  const { dtype, shape, byteLength, file, inline } = constant
  if (file !== undefined || inline !== undefined || byteLength <= SMALL || !isKeepable(dtype)) return undefined
  const source = sourceOf(constant)
  return source && JSON.stringify([source, dtype, shape])
}

/** Equal where the same is made of the same bytes; `undefined` where these could not be known again: weights that were trained in memory. */
function sameness({ weight, axis, transpose = false, recipe, inputScales }: Derivation): string | undefined {
  const source = sourceOf(storedOf(weight))
  return source && inputScales === undefined ? JSON.stringify([source, weight.shape, axis, transpose, recipe]) : undefined
}

/** What an entry is made of. */
export const ofEntry = (entry: Entry): Origin => sourceOf('derivation' in entry ? storedOf(entry.derivation.weight) : entry.constant)!
