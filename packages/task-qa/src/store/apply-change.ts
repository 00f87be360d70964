import type { Change } from '@tenon/core'
import { partsOf, toBlock } from './block.js'
import { mergeBlocks } from './merge-blocks.js'
import { stateOf, type Entry, type LiveBlock, type State } from './state.js'

export interface WriteOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (done: number, total: number) => void
}

/**
 * From which block on they are merged with what is new: those no larger than twice what follows them, so that there are
 * never more blocks than the logarithm of the rows, and a row is copied that often; and all, once less than half is left.
 */
function mergedFrom(blocks: readonly LiveBlock[], fresh: number): number {
  const rows = blocks.reduce((sum, { block }) => sum + block.rows, 0)
  const live = blocks.reduce((sum, { count }) => sum + count, 0)
  if (rows > 2 * live) return 0
  let from = blocks.length
  let following = fresh
  while (from > 0 && (blocks[from - 1] as LiveBlock).count <= 2 * following) following += (blocks[--from] as LiveBlock).count
  return from
}

/** The state after a change. The one before stays as it is, so nothing has to be undone when this throws. */
export async function applyChange(before: State, { put = [], describe = [], remove = [] }: Change, dimensions: number, { signal, onProgress }: WriteOptions): Promise<{ state: State; replaced: number; removed: number }> {
  const entries = new Map(before.entries)
  const removed = remove.filter((key) => entries.delete(key)).length
  // Deleted first, so that a replaced document comes last among the others, as its passages do.
  const replaced = put.filter(({ key }) => entries.delete(key)).length
  for (const { key, source, metadata } of describe) {
    const entry = entries.get(key)
    if (entry !== undefined) entries.set(key, { ...entry, source, metadata: { ...metadata } })
  }

  const passages = put.flatMap((document) => document.passages)
  const remaining = stateOf(before.blocks.map(({ block }) => block), entries, before.nextId)
  const from = mergedFrom(remaining.blocks, passages.length)
  const merged = remaining.blocks.slice(from)
  const fresh = await partsOf(passages, before.nextId, dimensions, { signal, onProgress: onProgress && ((done) => onProgress(done, passages.length)) })
  const parts = merged.length === 0 ? fresh : await mergeBlocks([...merged, { block: fresh, live: new Uint8Array(fresh.rows).fill(1), count: fresh.rows }], dimensions, signal)
  const block = await toBlock(parts, dimensions, signal)

  // Rows keep their order, so those of one document stay together.
  let row = 0
  const place = (document: Omit<Entry, 'block' | 'from' | 'to'>, rows: number) => {
    entries.set(document.key, { ...document, block, from: row, to: row + rows })
    row += rows
  }
  for (const part of merged) for (const entry of part.entries) place(entry, entry.to - entry.from)
  for (const { passages: own, ...document } of put) place({ ...document, metadata: { ...document.metadata } }, own.length)
  const kept = remaining.blocks.slice(0, from).map((part) => part.block)
  return { state: stateOf([...kept, block], entries, before.nextId + passages.length), replaced, removed }
}
