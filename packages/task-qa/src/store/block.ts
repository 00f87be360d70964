import type { NewPassage, StoredPassage } from '@tenon/core'
import { Pace } from '../pace.js'
import { QuantisedVectors } from './quantised-vectors.js'

/** Below this many rows a plain scan takes well under a millisecond, and a kernel with its memory is not worth having. */
const worthQuantising = 1_024

/** What a block is made of; in files the same arrays, one after another. */
export interface BlockParts {
  readonly rows: number
  /** Of each row, ascending. */
  readonly ids: Float64Array
  /** Row after row. */
  readonly vectors: Float32Array
  /** Distinct terms of each row. */
  readonly lengths: Uint32Array
  readonly terms: readonly string[]
  /** The rows with term t, ascending, are `postingRows` from `postingStarts[t]` to `postingStarts[t + 1]`. */
  readonly postingStarts: Uint32Array
  readonly postingRows: Uint32Array
  /** How often the term stands in the row. */
  readonly postingCounts: Uint16Array
  /** Where the content of each row begins in `contents`, and at the last place where the last one ends. */
  readonly contentStarts: Float64Array
  /** JSON of the passages: parsed only when they are found. */
  readonly contents: Uint8Array
}

/** Rows that were written together, with what finds them. Never changed: what was removed is known outside. */
export interface Block extends BlockParts {
  readonly termIndex: ReadonlyMap<string, number>
  readonly quantised: QuantisedVectors | undefined
}

export async function toBlock(parts: BlockParts, dimensions: number, signal: AbortSignal | undefined): Promise<Block> {
  const pace = new Pace(signal)
  const termIndex = new Map<string, number>()
  for (const term of parts.terms) {
    if (termIndex.size % 1_024 === 0 && pace.due()) await pace.rest()
    termIndex.set(term, termIndex.size)
  }
  const quantised = parts.rows < worthQuantising ? undefined : await QuantisedVectors.of(parts.vectors, parts.rows, dimensions, signal)
  return { ...parts, termIndex, quantised }
}

/** A block of new passages, with ids from `firstId` on. */
export async function partsOf(passages: readonly NewPassage[], firstId: number, dimensions: number, { signal, onProgress }: { signal?: AbortSignal | undefined; onProgress?: ((done: number) => void) | undefined }): Promise<BlockParts> {
  const pace = new Pace(signal)
  const rows = passages.length
  const vectors = new Float32Array(rows * dimensions)
  const lengths = new Uint32Array(rows)
  const postings = new Map<string, number[]>() // row, count, row, count, …
  const contentStarts = new Float64Array(rows + 1)
  const encoder = new TextEncoder()
  const contents: Uint8Array[] = []
  for (const [row, { passage, vector, terms }] of passages.entries()) {
    if (row % 8 === 0 && pace.due()) await pace.rest()
    vectors.set(vector, row * dimensions)
    const counts = new Map<string, number>()
    for (const term of terms) counts.set(term, (counts.get(term) ?? 0) + 1)
    lengths[row] = counts.size
    for (const [term, count] of counts) {
      const list = postings.get(term)
      if (list === undefined) postings.set(term, [row, count])
      else list.push(row, count)
    }
    const content = encoder.encode(JSON.stringify(passage))
    contents.push(content)
    contentStarts[row + 1] = (contentStarts[row] as number) + content.length
    onProgress?.(row + 1)
  }
  const postingStarts = new Uint32Array(postings.size + 1)
  const total = lengths.reduce((sum, length) => sum + length, 0)
  const postingRows = new Uint32Array(total)
  const postingCounts = new Uint16Array(total)
  let term = 0
  let at = 0
  for (const list of postings.values()) {
    if (term % 1_024 === 0 && pace.due()) await pace.rest()
    for (let index = 0; index < list.length; index += 2) {
      postingRows[at] = list[index] as number
      postingCounts[at++] = Math.min(list[index + 1] as number, 65_535)
    }
    postingStarts[++term] = at
  }
  const ids = Float64Array.from({ length: rows }, (_, row) => firstId + row)
  return { rows, ids, vectors, lengths, terms: [...postings.keys()], postingStarts, postingRows, postingCounts, contentStarts, contents: Buffer.concat(contents) }
}

const decoder = new TextDecoder()

export function passageAt({ contents, contentStarts }: Block, row: number): StoredPassage {
  return JSON.parse(decoder.decode(contents.subarray(contentStarts[row], contentStarts[row + 1]))) as StoredPassage
}
