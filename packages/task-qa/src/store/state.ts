import type { StoredDocument } from '@tenon/core'
import type { Block } from './block.js'

/** A document, and the rows that its passages are. */
export interface Entry extends Omit<StoredDocument, 'passages'> {
  readonly block: Block
  readonly from: number
  readonly to: number
}

/** A block, and which of its rows are still there. */
export interface LiveBlock {
  readonly block: Block
  /** In the order of their rows. */
  readonly entries: readonly Entry[]
  /** 1 for each row that is there. */
  readonly live: Uint8Array
  readonly count: number
}

/** All that is stored at one moment. Never changed but replaced as a whole: so who reads sees one moment. */
export interface State {
  readonly entries: ReadonlyMap<string, Entry>
  readonly blocks: readonly LiveBlock[]
  readonly passages: number
  /** Over all passages, distinct terms each. */
  readonly lengths: number
  readonly nextId: number
}

/** Blocks in the order of their ids. Those of which nothing is left are dropped. */
export function stateOf(blocks: readonly Block[], entries: ReadonlyMap<string, Entry>, nextId: number): State {
  const byBlock = new Map<Block, Entry[]>(blocks.map((block) => [block, []]))
  for (const entry of entries.values()) byBlock.get(entry.block)?.push(entry)
  let lengths = 0
  const liveBlocks = [...byBlock].map(([block, own]): LiveBlock => {
    const live = new Uint8Array(block.rows)
    for (const { from, to } of own) live.fill(1, from, to)
    let count = 0
    for (let row = 0; row < block.rows; row++) {
      if (live[row] === 0) continue
      count++
      lengths += block.lengths[row] as number
    }
    return { block, entries: own.sort((one, other) => one.from - other.from), live, count }
  })
  const kept = liveBlocks.filter(({ count }) => count > 0)
  return { entries, blocks: kept, passages: kept.reduce((sum, { count }) => sum + count, 0), lengths, nextId }
}

/** The document that a row belongs to. */
export function entryAt({ entries }: LiveBlock, row: number): Entry {
  let low = 0
  let high = entries.length - 1
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if ((entries[middle] as Entry).from <= row) low = middle
    else high = middle - 1
  }
  return entries[low] as Entry
}
