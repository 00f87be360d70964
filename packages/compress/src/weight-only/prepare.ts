import { mkdir, readdir, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { withFileLock } from '@tenon/checkpoint'
import type { Constant, Graph, Graphs, Origin, PrepareContext } from '@tenon/core'
import { withConstants } from '@tenon/graph'
import { mergeProducts, packProjections, unflatten } from '@tenon/graph/passes'
import { cacheFolder } from '../weights/cache-folder.js'
import { derivedFrom, storedOf, type Derivation } from '../weights/derive.js'
import { evict } from '../weights/evict.js'
import { fileIdentity } from '../weights/file-identity.js'
import { digestOf, isKeepable, sourceBytes, type ComputedEntry, type DerivedEntry, type Entry } from '../weights/kept-file.js'
import { lackOf, openKept } from '../weights/open-kept.js'
import { NOT_WRITTEN } from '../weights/quantizer.js'
import { sourceOf } from '../weights/source-of.js'
import { NotKept, writeKept } from '../weights/write-kept.js'
import { deferredGraph, isDeferred } from './deferred-graph.js'
import { hasExperts } from './experts-of.js'
import type { Settings } from './options.js'

/**
 * Sees to it that what the passes left to be computed lies in a file: one that is kept from before, or is made now. Where no file can be
 * kept, a notice says so, and the graphs stay as they are: their weights are computed when a backend asks.
 * @throws AbortedError, and what reading the weights throws.
 */
export async function prepare(graphs: Graphs, settings: Settings, context: PrepareContext): Promise<Graphs> {
  return decoding(await withKept(oneForm(graphs, settings), settings, context))
}

/** Prompts are read by the decoder itself where the weights have one form for both, which a pass, seeing one graph at a time, cannot tell. */
function oneForm(graphs: Graphs, { isPrefillChosen }: Settings): Graphs {
  const { decoder, prefill } = graphs
  return decoder === undefined || prefill === undefined || isPrefillChosen || !hasExperts(decoder) ? graphs : { ...graphs, prefill: decoder }
}

/** What writes a token at a time calls one product for all weights of one input; they lie behind one another by now, so that nothing is copied. */
function decoding(graphs: Graphs): Graphs {
  const decoder = graphs['decoder']
  if (decoder === undefined) return graphs
  const merged = [mergeProducts(), unflatten(), packProjections()].reduce((changed, pass) => pass.apply(changed), decoder)
  return Object.fromEntries(Object.entries(graphs).map(([role, graph]) => [role, graph === decoder ? merged : graph]))
}

async function withKept(all: Graphs, settings: Settings, context: PrepareContext): Promise<Graphs> {
  const { checkpoint, emit, signal } = context
  const { cache, cacheBytes } = settings
  // What is looked at later says nothing of itself yet: what it is made of, and how, is told by the others and by the settings.
  const now = Object.fromEntries(Object.entries(all).filter(([, graph]) => !isDeferred(graph)))
  const graphs = { ...now, ...all } // whose names come in this order
  const told = Object.keys(now).length < Object.keys(all).length ? [Object.keys(graphs), { ...settings, cache: undefined, cacheBytes: undefined }] : []
  const { entries } = planOf(now)
  if (cache === false || entries.length === 0) return graphs
  const paths = pathsOf(checkpoint.constants.values(), entries)
  if (paths.length === 0) return graphs // nothing by which the weights could be known again
  const path = join(cacheFolder(cache, process.env), `${basename(checkpoint.reference).replaceAll(/[^\w.-]+/g, '-').slice(-60)}-${await keyOf(paths, entries, [checkpoint.config, told])}.safetensors`)
  const notKept = (problem: string) => emit({ type: 'notice', code: 'TENON_WEIGHTS_NOT_KEPT', message: `Quantised weights cannot be kept in ${dirname(path)}: ${problem.replace(`${NOT_WRITTEN} `, '')}. They are computed at each start; name another folder in TENON_CACHE` })
  try {
    const before = await openKept(path, entries, { key: basename(path), signal })
    if (typeof before !== 'object') return over(graphs, await kept(path, planOf(graphs).entries, cacheBytes, context))!
    const later = (graph: Graph) => deferredGraph(() => over({ ...now, later: graph }, before)?.['later'] ?? (notKept('the file lacks some of them'), graph))
    const done = over(now, before)!
    return Object.fromEntries(Object.entries(graphs).map(([role, graph]) => [role, done[role] ?? later(graph)]))
  } catch (error) {
    if (!(error instanceof NotKept) && !(error instanceof Error && error.message.startsWith(NOT_WRITTEN))) throw error
    if (signal?.aborted) throw error
    notKept(error.message)
    return graphs
  }
}

/** Graphs over the tensors of a file, if it has all that they need. Roles that share a graph go on sharing one. */
function over(graphs: Graphs, tensors: ReadonlyMap<string, Constant>): Graphs | undefined {
  const { entries, places } = planOf(graphs)
  if (lackOf(tensors, entries) !== undefined) return undefined
  const done = new Map<Graph, Graph>()
  for (const graph of Object.values(graphs)) {
    if (!done.has(graph)) done.set(graph, withConstants(graph, new Map(Array.from(graph.constants).flatMap(([name, constant]) => (places.has(constant) ? [[name, tensors.get(places.get(constant)!)!] as const] : [])))))
  }
  return Object.fromEntries(Object.entries(graphs).map(([role, graph]) => [role, done.get(graph)!]))
}

/** The file's tensors, from before or from now. */
async function kept(path: string, entries: readonly Entry[], cacheBytes: number, { emit, signal }: PrepareContext): Promise<ReadonlyMap<string, Constant>> {
  const key = basename(path)
  const options = { key, signal }
  const before = await openKept(path, entries, options)
  if (typeof before === 'object') return before

  const folder = dirname(path)
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw new NotKept(String((cause as Error).message), { cause })
  })
  const onWait = () => emit({ type: 'notice', code: 'TENON_WEIGHTS_WAITING', message: 'Another process is quantising these weights; waiting for it' })
  const making = async () => {
    const meanwhile = await openKept(path, entries, options)
    if (typeof meanwhile === 'object') return meanwhile
    if (meanwhile !== undefined) emit({ type: 'notice', code: 'TENON_WEIGHTS_REBUILT', message: `The quantised weights in ${path} are computed anew: the file ${meanwhile}` })
    // Who holds the lock is alone: unfinished files of this name are of processes that are gone.
    for (const name of await readdir(folder)) if (name.startsWith(`${key}.`) && name.endsWith('.tmp')) await rm(join(folder, name), { force: true }).catch(() => undefined)
    const total = entries.reduce((sum, entry) => sum + sourceBytes(entry), 0)
    let done = 0
    const progress = () => emit({ type: 'progress', stage: 'quantising weights', done, total, unit: 'bytes' })
    progress()
    await writeKept(path, entries, {
      ...options,
      onBytes(bytes) {
        done += bytes
        progress()
      },
    })
    await evict(folder, cacheBytes)
    const made = await openKept(path, entries, options)
    if (typeof made === 'object') return made
    throw new NotKept(made === undefined ? 'the file is gone' : `the file ${made}`)
  }
  return withFileLock(`${path}.lock`, { signal: signal ?? new AbortController().signal, onWait }, making).catch((error: unknown) => {
    throw isOfTheSystem(error) && error.path?.startsWith(path) === true ? new NotKept(error.message, { cause: error }) : error
  })
}

const isOfTheSystem = (error: unknown): error is NodeJS.ErrnoException => error instanceof Error && 'syscall' in error

/** Whose names are yet to be found. */
type Unnamed<E extends Entry> = Omit<E, 'names'> & { readonly names: string[] }

interface Plan {
  readonly entries: readonly Entry[]
  /** Under which name each constant of the graphs is kept. */
  readonly places: ReadonlyMap<Constant, string>
}

/** What is to be computed, once for all graphs that want the same of the same weight. */
function planOf(graphs: Graphs): Plan {
  const entries = new Map<string, Unnamed<DerivedEntry> | Unnamed<ComputedEntry>>()
  const places = new Map<Constant, string>()
  const taken = new Set<string>()
  const free = (name: string) => {
    let chosen = name
    for (let count = 2; taken.has(chosen); count++) chosen = `${name} ${count}`
    taken.add(chosen)
    return chosen
  }
  for (const graph of new Set(Object.values(graphs))) {
    for (const [name, constant] of graph.constants) {
      const derived = derivedFrom(constant)
      const [same, part] = derived === undefined ? [computedAs(constant), 0] : [sameness(derived.derivation), derived.part]
      if (same === undefined) continue
      const entry = entries.get(same) ?? (derived === undefined ? { constant, names: [] } : { derivation: derived.derivation, names: [] })
      entries.set(same, entry)
      entry.names[part] ??= free(name)
      places.set(constant, entry.names[part]!)
    }
  }
  // Of what is made together, a graph may use only a part.
  for (const entry of entries.values()) if ('derivation' in entry) entry.derivation.parts.forEach((_, part) => (entry.names[part] ??= free(`${entry.names.find((name) => name !== undefined)!}.${part}`)))
  return { entries: Array.from(entries.values()) as unknown as readonly Entry[], places }
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

const ofEntry = (entry: Entry): Origin => sourceOf('derivation' in entry ? storedOf(entry.derivation.weight) : entry.constant)!

/** The files that the weights come from, also those that are computed from what lies in them. */
const pathsOf = (constants: Iterable<Constant>, entries: readonly Entry[]): readonly string[] =>
  Array.from(new Set([...Array.from(constants, sourceOf), ...entries.map(ofEntry)].flatMap((source) => source?.files ?? []))).toSorted()

/** Names what is kept: whose weights, and what was made of them how. */
async function keyOf(paths: readonly string[], entries: readonly Entry[], config: unknown): Promise<string> {
  const files = await Promise.all(paths.map(fileIdentity))
  const made = entries.map((entry) => {
    const { how, files: from } = ofEntry(entry)
    const source = [how, from.map((path) => paths.indexOf(path))]
    if ('constant' in entry) return [entry.names, source, entry.constant.dtype, entry.constant.shape]
    const { names, derivation: { weight, axis, transpose, recipe, parts } } = entry
    return [names, source, weight.shape, axis, transpose, recipe, parts]
  })
  return digestOf([ARITHMETIC, files, config, made])
}

/** Counted up when quantising gives other numbers, or other tensors, than before. */
const ARITHMETIC = 2
