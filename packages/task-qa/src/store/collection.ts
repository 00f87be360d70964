import { DisposedError, matches, throwIfAborted, type Candidate, type Change, type Collection, type Filter, type Query, type StoredDocument } from '@tenon/core'
import { breathe } from '../breathe.js'
import { dotAt } from '../search/vectors.js'
import { applyChange, type WriteOptions } from './apply-change.js'
import { passageAt } from './block.js'
import { frequency, lexicalSearch, type Allowed } from './lexical-search.js'
import { Serial } from './serial.js'
import { entryAt, type State } from './state.js'
import { vectorSearch } from './vector-search.js'

/** Keeps a state beyond the process; what it throws leaves the state before in place. */
export type Persist = (state: State, signal: AbortSignal | undefined) => Promise<void>

function allowedBy(filter: Filter | undefined, state: State): Allowed {
  if (filter === undefined) return state.blocks.map(({ live }) => live)
  return state.blocks.map(({ block, entries }) => {
    const may = new Uint8Array(block.rows)
    for (const { metadata, from, to } of entries) if (matches(filter, metadata)) may.fill(1, from, to)
    return may
  })
}

/** Where the passage of this id is: blocks and their rows are in the order of ids. */
function locate({ blocks }: State, id: number): { index: number; row: number } {
  const index = blocks.findLastIndex(({ block }) => (block.ids[0] as number) <= id)
  const ids = blocks[index]?.block.ids as Float64Array
  let low = 0
  let high = ids.length - 1
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((ids[middle] as number) < id) low = middle + 1
    else high = middle
  }
  return { index, row: low }
}

/** A collection in memory. */
export function createCollection(dimensions: number, initial: State, persist: Persist = async () => undefined): Collection {
  let state = initial
  let closed = false
  const writes = new Serial()
  const open = () => {
    if (closed) throw new DisposedError({ what: 'store' })
  }

  return {
    get size() {
      return { documents: state.entries.size, passages: state.passages }
    },
    async documents() {
      open()
      return [...state.entries.values()].map(({ key, source, revision, metadata, from, to }): StoredDocument => ({ key, source, revision, metadata, passages: to - from }))
    },
    write(change: Change, options: WriteOptions = {}) {
      return writes.run(async () => {
        open()
        throwIfAborted(options.signal)
        const { state: next, ...counts } = await applyChange(state, change, dimensions, options)
        await breathe()
        throwIfAborted(options.signal)
        await persist(next, options.signal)
        state = next
        return counts
      })
    },
    async search({ vector, terms, limit, filter }: Query, { signal } = {}) {
      open()
      throwIfAborted(signal)
      const now = state
      const most = Math.min(limit, now.passages)
      const allowed = allowedBy(filter, now)
      const near = await vectorSearch(now, vector, most, allowed, signal)
      const { best, scores } = await lexicalSearch(now, terms, most, allowed, signal)
      const ids = new Set([...near.ids.subarray(0, near.size), ...best.ids.subarray(0, best.size)])
      return [...ids].sort((one, other) => one - other).map((id): Candidate => {
        const { index, row } = locate(now, id)
        const part = now.blocks[index] as State['blocks'][number]
        const { key, source, metadata } = entryAt(part, row)
        return {
          id,
          document: { key, source, metadata },
          passage: passageAt(part.block, row),
          cosine: dotAt(vector, part.block.vectors, row * vector.length),
          bm25: scores[index]?.[row] as number,
        }
      })
    },
    async frequencies(terms) {
      open()
      return terms.map((term) => frequency(state, term))
    },
    async close() {
      closed = true
      await writes.run(async () => undefined).catch(() => undefined)
    },
  }
}
