import { Pace } from '../pace.js'
import type { BlockParts } from './block.js'
import type { LiveBlock } from './state.js'

interface Part extends Pick<LiveBlock, 'live'> {
  readonly block: BlockParts
}

/** The rows of several blocks that are still there, in their order, as one block. */
export async function mergeBlocks(parts: readonly (Part & { readonly count: number })[], dimensions: number, signal: AbortSignal | undefined): Promise<BlockParts> {
  const pace = new Pace(signal)
  const rows = parts.reduce((sum, { count }) => sum + count, 0)
  const ids = new Float64Array(rows)
  const vectors = new Float32Array(rows * dimensions)
  const lengths = new Uint32Array(rows)
  const contentStarts = new Float64Array(rows + 1)
  const contents: Uint8Array[] = []
  /** Of each part, where its rows have gone. */
  const places: Uint32Array[] = []
  let place = 0
  for (const { block, live } of parts) {
    const own = new Uint32Array(block.rows)
    for (let row = 0; row < block.rows; row++) {
      if (row % 64 === 0 && pace.due()) await pace.rest()
      if (live[row] === 0) continue
      own[row] = place
      ids[place] = block.ids[row] as number
      lengths[place] = block.lengths[row] as number
      vectors.set(block.vectors.subarray(row * dimensions, (row + 1) * dimensions), place * dimensions)
      const content = block.contents.subarray(block.contentStarts[row], block.contentStarts[row + 1])
      contents.push(content)
      contentStarts[place + 1] = (contentStarts[place] as number) + content.length
      place++
    }
    places.push(own)
  }
  return { rows, ids, vectors, lengths, contentStarts, contents: Buffer.concat(contents), ...(await mergePostings(parts, places, lengths, pace)) }
}

/** Calls back for each term of each block, with where its postings lie. */
async function eachTerm(parts: readonly Part[], pace: Pace, visit: (term: string, part: number, from: number, to: number) => void): Promise<void> {
  for (const [part, { block }] of parts.entries()) {
    for (const [index, term] of block.terms.entries()) {
      if (index % 64 === 0 && pace.due()) await pace.rest()
      visit(term, part, block.postingStarts[index] as number, block.postingStarts[index + 1] as number)
    }
  }
}

async function mergePostings(parts: readonly Part[], places: readonly Uint32Array[], lengths: Uint32Array, pace: Pace) {
  const next = new Map<string, number>()
  await eachTerm(parts, pace, (term, part, from, to) => {
    const { block, live } = parts[part] as Part
    let count = 0
    for (let at = from; at < to; at++) count += live[block.postingRows[at] as number] as number
    if (count > 0) next.set(term, (next.get(term) ?? 0) + count)
  })
  const terms = [...next.keys()]
  const postingStarts = new Uint32Array(terms.length + 1)
  terms.forEach((term, index) => {
    postingStarts[index + 1] = (postingStarts[index] as number) + (next.get(term) as number)
    next.set(term, postingStarts[index] as number)
  })
  const total = lengths.reduce((sum, length) => sum + length, 0)
  const postingRows = new Uint32Array(total)
  const postingCounts = new Uint16Array(total)
  await eachTerm(parts, pace, (term, part, from, to) => {
    const { block, live } = parts[part] as Part
    const place = places[part] as Uint32Array
    let into = next.get(term)
    if (into === undefined) return
    for (let at = from; at < to; at++) {
      const row = block.postingRows[at] as number
      if (live[row] === 0) continue
      postingRows[into] = place[row] as number
      postingCounts[into++] = block.postingCounts[at] as number
    }
    next.set(term, into)
  })
  return { terms, postingStarts, postingRows, postingCounts }
}
