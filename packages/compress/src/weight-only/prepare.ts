import { mkdir, readdir, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { cacheFolder, withFileLock } from '@tenon/checkpoint'
import type { Constant, Emit, Graph, Graphs, Pass, PrepareContext } from '@tenon/core'
import { withConstants } from '@tenon/graph'
import { mergeProducts, packProjections, unflatten } from '@tenon/graph/passes'
import { keepGraphs } from '../graphs/kept-graphs.js'
import { evict } from '../weights/evict.js'
import { fileIdentity } from '../weights/file-identity.js'
import { digestOf, sourceBytes, type Entry } from '../weights/kept-file.js'
import { lackOf, openKept } from '../weights/open-kept.js'
import { NOT_WRITTEN } from '../weights/quantizer.js'
import { sourceOf } from '../weights/source-of.js'
import { NotKept, writeKept } from '../weights/write-kept.js'
import { deferredGraph, isDeferred, whenMade } from './deferred-graph.js'
import { hasExperts } from './experts-of.js'
import type { Settings } from './options.js'
import { ofEntry, Plan } from './plan.js'
import { wideRoom } from './wide-room.js'
import { narrowed, widened } from './wide-weights.js'

/**
 * Sees to it that what the passes left to be computed lies in a file: one that is kept from before, or is made now. Where no file can be
 * kept, a notice says so, and the graphs stay as they are: their weights are computed when a backend asks.
 * @param keepsGraphs Whether the graphs over the file may be kept too: they are what the settings make of what was built.
 * @throws AbortedError, and what reading the weights throws.
 */
export async function prepare(graphs: Graphs, settings: Settings, context: PrepareContext, keepsGraphs: boolean): Promise<Graphs> {
  const { graphs: over, path } = await withRoom(oneForm(graphs, settings), settings, context)
  const prepared = quickened(over)
  if (path !== undefined && keepsGraphs) await keepGraphs(prepared, path, settings, context, Promise.all(Object.values(prepared).map(whenMade)))
  return prepared
}

interface Kept {
  readonly graphs: Graphs
  readonly path?: string
}

/** The floats of 16 bits of a decoder lie there as they are run, where there is room for that. */
async function withRoom(graphs: Graphs, settings: Settings, context: PrepareContext): Promise<Kept> {
  const room = graphs['decoder'] === undefined || settings.prefill !== 'same' ? undefined : wideRoom(context.checkpoint, settings)
  if (room === undefined) return withKept(graphs, settings, context)
  const wide = room.isThere ? await withKept(each(graphs, widened), settings, context) : undefined
  return wide?.path === undefined ? withKept(each(graphs, narrowed), settings, wide === undefined ? context : { ...context, emit: exceptNotKept(context.emit) }) : wide
}

/** What two roles share they go on sharing. */
function each(graphs: Graphs, change: (graph: Graph) => Graph): Graphs {
  const changed = new Map(Array.from(new Set(Object.values(graphs)), (graph) => [graph, change(graph)]))
  return Object.fromEntries(Object.entries(graphs).map(([role, graph]) => [role, changed.get(graph)!]))
}

/** Told once. */
const exceptNotKept = (emit: Emit): Emit => (event) => (event.type === 'notice' && event.code === NOT_KEPT ? undefined : emit(event))

/** Prompts are read by the decoder itself where the weights have one form for both, which a pass, seeing one graph at a time, cannot tell. */
function oneForm(graphs: Graphs, { isPrefillChosen }: Settings): Graphs {
  const { decoder, prefill } = graphs
  return decoder === undefined || prefill === undefined || isPrefillChosen || !hasExperts(prefill) ? graphs : { ...graphs, prefill: decoder }
}

/**
 * What writes a token at a time calls one product for all weights of one input; they lie behind one another by now, so that nothing is
 * copied. Rows that stay texts are fewer nodes, and of sizes that ONNX Runtime sees to be the same: it compares each value's with those of
 * all whose memory is free, which takes the square of their number.
 */
function quickened(graphs: Graphs): Graphs {
  const { decoder, prefill } = graphs
  const done = new Map<Graph | undefined, Graph>()
  if (prefill !== undefined) done.set(prefill, changed(prefill, [unflatten()]))
  if (decoder !== undefined) done.set(decoder, changed(decoder, [mergeProducts(), unflatten(), packProjections()]))
  return Object.fromEntries(Object.entries(graphs).map(([role, graph]) => [role, done.get(graph) ?? graph]))
}

function changed(graph: Graph, passes: readonly Pass[]): Graph {
  const change = () => passes.reduce((current, { apply }) => apply(current), graph)
  return isDeferred(graph) ? deferredGraph(change) : change()
}

/** The graphs over a file of weights, and its path; or as they were, where there is none. */
async function withKept(graphs: Graphs, settings: Settings, context: PrepareContext): Promise<Kept> {
  const { checkpoint, emit, signal } = context
  const { cache, cacheBytes } = settings
  // What is looked at later says nothing of itself yet: what it is made of, and how, is told by the others and by the settings.
  const all = new Set(Object.values(graphs))
  const looked = Array.from(all).filter((graph) => !isDeferred(graph))
  const now = looked.length > 0 ? looked : Array.from(all)
  const told = now.length < all.size ? [Object.keys(graphs), { ...settings, cache: undefined, cacheBytes: undefined }] : []
  const plan = new Plan(now)
  const { entries } = plan
  if (cache === false || entries.length === 0) return { graphs }
  const paths = pathsOf(checkpoint.constants.values(), entries)
  if (paths.length === 0) return { graphs } // nothing by which the weights could be known again
  const path = join(cacheFolder('weights', cache), `${basename(checkpoint.reference).replaceAll(/[^\w.-]+/g, '-').slice(-60)}-${await keyOf(paths, entries, [checkpoint.config, told])}.safetensors`)
  const notKept = (problem: string) => emit({ type: 'notice', code: NOT_KEPT, message: `Weights cannot be kept in ${dirname(path)}: ${problem.replace(`${NOT_WRITTEN} `, '')}. They are computed at each start; name another folder in TENON_CACHE` })
  try {
    const before = await openKept(path, entries, { key: basename(path), signal })
    if (typeof before !== 'object') for (const graph of all) plan.add(graph)
    const tensors = typeof before === 'object' ? before : await kept(path, plan.entries, cacheBytes, context)
    const done = (graph: Graph) => {
      plan.add(graph)
      if (lackOf(tensors, plan.entries) === undefined) return over(graph, plan, tensors)
      notKept('the file lacks some of them')
      return graph
    }
    const made = new Map(Array.from(all, (graph) => [graph, plan.has(graph) ? done(graph) : deferredGraph(() => done(graph))]))
    return { graphs: Object.fromEntries(Object.entries(graphs).map(([role, graph]) => [role, made.get(graph)!])), path }
  } catch (error) {
    if (!(error instanceof NotKept) && !(error instanceof Error && error.message.startsWith(NOT_WRITTEN))) throw error
    if (signal?.aborted) throw error
    notKept(error.message)
    return { graphs }
  }
}

/** A graph over the tensors of a file. */
function over(graph: Graph, { places }: Plan, tensors: ReadonlyMap<string, Constant>): Graph {
  return withConstants(graph, new Map(Array.from(graph.constants).flatMap(([name, constant]) => (places.has(constant) ? [[name, tensors.get(places.get(constant)!)!] as const] : []))))
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
  const onWait = () => emit({ type: 'notice', code: 'TENON_WEIGHTS_WAITING', message: 'Another process is preparing these weights; waiting for it' })
  const making = async () => {
    const meanwhile = await openKept(path, entries, options)
    if (typeof meanwhile === 'object') return meanwhile
    if (meanwhile !== undefined) emit({ type: 'notice', code: 'TENON_WEIGHTS_REBUILT', message: `The weights kept in ${path} are computed anew: the file ${meanwhile}` })
    // Who holds the lock is alone: unfinished files of this name are of processes that are gone.
    for (const name of await readdir(folder)) if (name.startsWith(`${key}.`) && name.endsWith('.tmp')) await rm(join(folder, name), { force: true }).catch(() => undefined)
    const total = entries.reduce((sum, entry) => sum + sourceBytes(entry), 0)
    let done = 0
    const progress = () => emit({ type: 'progress', stage: 'preparing weights', done, total, unit: 'bytes' })
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

const NOT_KEPT = 'TENON_WEIGHTS_NOT_KEPT'

const isOfTheSystem = (error: unknown): error is NodeJS.ErrnoException => error instanceof Error && 'syscall' in error

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
