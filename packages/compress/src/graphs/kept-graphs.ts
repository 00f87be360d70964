import { realpathSync } from 'node:fs'
import { mkdir, readdir, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheFolder, derivedStore, stampOf } from '@tenon/checkpoint'
import { keepBeside, throwIfAborted, type Constant, type Graphs, type PrepareContext, type RecallContext } from '@tenon/core'
import { revision } from '../revision.js'
import type { Settings } from '../weight-only/options.js'
import { wideRoom } from '../weight-only/wide-room.js'
import { markUsed, wasChecked } from '../weights/checked.js'
import { digestOf } from '../weights/kept-file.js'
import { sourceOf } from '../weights/source-of.js'
import { readGraphs, writeGraphs, type WeightsFile } from './graph-record.js'

/** Models whose graphs are kept, in a megabyte or so each. */
const MOST = 32
/** Characters of a name that tell which graphs. */
const KEY = 40

/** Where graphs are kept, and what is made of them. */
interface Place {
  readonly folder: string
  /** Whose graphs, and what they were made by. */
  readonly key: string
}

/**
 * Where the graphs of this checkpoint would be kept; `undefined` where nobody could tell later whether they were the same. Its files are
 * known by their places and times: at once, since whoever waits for the file system lets longer work of this thread go first.
 */
function placeOf(all: Settings, { checkpoint, built }: PrepareContext): Place | undefined {
  const { cache, cacheBytes: _, ...settings } = all
  const by = revision()
  const told = Array.from(checkpoint.constants, ([name, constant]) => [name, tell(constant)] as const)
  if (cache === false || built === undefined || by === undefined || told.length === 0 || told.some(([, facts]) => facts === undefined)) return undefined
  const paths = Array.from(new Set(Array.from(checkpoint.constants.values(), (constant) => sourceOf(constant)!.files).flat())).toSorted()
  const files = paths.map((path) => [realpathSync(path), stampOf(path)])
  return { folder: join(cacheFolder('weights', cache), 'graphs'), key: digestOf([by, built, settings, wideRoom(checkpoint, all)?.isThere, checkpoint.config, files, told]).slice(0, KEY) }
}

/** What a family can see of a constant, and what tells its bytes. */
function tell(constant: Constant): unknown {
  const { dtype, shape, byteLength, stored, blocks } = constant
  const source = sourceOf(constant)
  if (source === undefined) return undefined
  const inBlocks = blocks && [blocks.bits, blocks.blockSize, blocks.transposed, ...[blocks.codes, blocks.scales, blocks.zeroPoints].map((part) => part && tell(part))]
  return [dtype, shape, byteLength, source.how, stored && tell(stored), inBlocks]
}

const storeOf = ({ folder, key }: Place) => derivedStore(join(folder, key))

/** What is made of a graph says where its weights lie, so that it holds for this file, at this place. */
function madeOf({ folder, key }: Place, { path, stamp }: WeightsFile, graph: number) {
  const tag = digestOf([realpathSync(path), stamp]).slice(0, 12)
  return { tag, store: derivedStore(join(folder, `${key}.${tag}-${graph}`)) }
}

/**
 * The graphs that were kept, if the file of weights is still what it was when all of it was looked at.
 * @throws AbortedError
 */
export async function recallGraphs(settings: Settings, context: RecallContext): Promise<Graphs | undefined> {
  try {
    const place = placeOf(settings, context)
    const record = place && storeOf(place).read('graphs')
    const recorded = record && readGraphs(record, context.checkpoint.constants)
    if (recorded === undefined || stampOf(recorded.weights.path) !== recorded.weights.stamp || !(await wasChecked(recorded.weights.path, recorded.weights.stamp))) return undefined
    const { weights, roles, graphs } = recorded
    void markUsed(weights.path)
    const now = new Date()
    utimes(join(place!.folder, `${place!.key}.graphs`), now, now).catch(() => undefined)
    throwIfAborted(context.signal)
    graphs.forEach((graph, index) => keepBeside(graph, madeOf(place!, weights, index).store))
    return Object.fromEntries(Object.entries(roles).map(([role, index]) => [role, graphs[index]!]))
  } catch {
    throwIfAborted(context.signal)
    return undefined // what is kept cannot be read: it is made again
  }
}

/**
 * Keeps graphs whose weights lie in that file, once all of them were looked at, and gives each a place for what is made of it.
 * @param whenMade When a graph that is made when it is first looked at was.
 */
export async function keepGraphs(graphs: Graphs, weightsPath: string, settings: Settings, context: PrepareContext, whenMade: Promise<unknown>): Promise<void> {
  try {
    const place = placeOf(settings, context)
    if (place === undefined) return
    await mkdir(place.folder, { recursive: true })
    const weights = { path: weightsPath, stamp: stampOf(weightsPath) }
    const each = Array.from(new Set(Object.values(graphs)))
    const { tag } = madeOf(place, weights, 0)
    // Not read: who makes nothing of a graph never looks at it, and it would not be kept.
    each.forEach((graph, index) => keepBeside(graph, { ...madeOf(place, weights, index).store, read: () => undefined }))
    const keep = async () => {
      await whenMade
      const record = await writeGraphs(graphs, weights, context.checkpoint.constants)
      if (record === undefined) return
      await storeOf(place).write('graphs', record)
      await thinOut(place, tag)
    }
    keep().catch(() => undefined) // they are built again
  } catch {
    throwIfAborted(context.signal)
  }
}

/** What is named by a key is ours: the folder may be one that somebody has other files in. */
const isOurs = (name: string): boolean => /^[0-9a-f]{40}\./.test(name)

/** Removes what was not used for longest, and what was made of these graphs over other files. */
async function thinOut({ folder, key }: Place, tag: string): Promise<void> {
  const names = (await readdir(folder)).filter(isOurs)
  const looked = await Promise.all(names.map(async (name) => ({ name, of: name.slice(0, KEY), time: (await stat(join(folder, name)).catch(() => undefined))?.mtimeMs ?? 0 })))
  const times = new Map<string, number>()
  for (const { of, time } of looked) times.set(of, Math.max(time, times.get(of) ?? 0))
  const kept = new Set(Array.from(times).toSorted(([, a], [, b]) => b - a).slice(0, MOST).map(([of]) => of))
  for (const { name, of } of looked) {
    const isStale = of === key && name !== `${key}.graphs` && !name.startsWith(`${key}.${tag}-`) && !name.endsWith('.tmp')
    if (!kept.has(of) || isStale) await rm(join(folder, name), { force: true })
  }
}
