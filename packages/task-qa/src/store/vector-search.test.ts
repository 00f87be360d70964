import { random } from '@tenon/testing'
import { describe, expect, it } from 'vitest'
import { dotAt, normalise } from '../search/vectors.js'
import { partsOf, toBlock } from './block.js'
import { QuantisedVectors, quantisedQuery } from './quantised-vectors.js'
import { createScan } from './scan-kernel.js'
import { stateOf, type State } from './state.js'
import { vectorSearch } from './vector-search.js'

const unit = (values: readonly number[]): Float32Array => normalise(Float32Array.from(values))

/** A state whose blocks hold these vectors, one document each. */
async function stateWith(blocks: readonly (readonly Float32Array[])[]): Promise<State> {
  const dimensions = blocks[0]?.[0]?.length as number
  let id = 0
  const built = []
  for (const vectors of blocks) {
    const passages = vectors.map((vector) => ({ vector, terms: [], passage: { headings: [], text: '', start: 0, end: 0, sentences: [] } }))
    built.push(await toBlock(await partsOf(passages, id, dimensions, {}), dimensions, undefined))
    id += vectors.length
  }
  const entries = built.map((block, index) => ({ key: `${index}`, source: '', revision: '', metadata: {}, block, from: 0, to: block.rows }))
  return stateOf(built, new Map(entries.map((entry) => [entry.key, entry])), id)
}

const everything = (state: State) => state.blocks.map(({ live }) => live)

function exactly(vectors: readonly Float32Array[], query: Float32Array, limit: number, allowed: (row: number) => boolean = () => true): number[] {
  const scored = vectors.map((vector, id) => ({ id, score: dotAt(query, vector, 0) })).filter(({ id }) => allowed(id))
  return scored.sort((one, other) => other.score - one.score || one.id - other.id).slice(0, limit).map(({ id }) => id)
}

const gaussian = (next: () => number) => () => Array.from({ length: 6 }, next).reduce((sum, value) => sum + value - 0.5, 0)

describe('the scan kernel', () => {
  it('multiplies and adds as integers do, at every place and at the limits of their types', () => {
    const next = random(1)
    for (const width of [16, 32, 48, 384, 1_536]) {
      const rows = 7
      const kernel = createScan(2 * width + 4 * rows + rows * width)
      if (kernel === undefined) throw new Error('expected a kernel')
      const query = new Int16Array(kernel.memory, 0, width)
      const out = new Int32Array(kernel.memory, 2 * width, rows)
      const codes = new Int8Array(kernel.memory, 2 * width + 4 * rows, rows * width)
      query.forEach((_, index) => (query[index] = Math.floor((next() - 0.5) * Math.min(65_535, 2 ** 32 / 128 / width))))
      codes.forEach((_, index) => (codes[index] = index % 11 === 0 ? -128 : Math.floor(next() * 256) - 128))
      out.fill(-1)
      kernel.scan(codes.byteOffset, 0, out.byteOffset, out.byteOffset + 4 * rows, width)
      expect([...out]).toEqual(Array.from({ length: rows }, (_, row) => query.reduce((sum, value, index) => sum + value * (codes[row * width + index] as number), 0)))
    }
  })
})

describe('vectors in 8 bits', () => {
  it.each([3, 16, 100, 384, 1_024])('are off by no more than they say, with %i dimensions', async (dimensions) => {
    const next = random(dimensions)
    const draw = [gaussian(next), () => next() ** 20, () => (next() < 0.02 ? 1 : 0), () => 1]
    const vectors = Array.from({ length: 400 }, (_, row) => unit(Array.from({ length: dimensions }, draw[row % draw.length] as () => number)))
    const matrix = new Float32Array(vectors.length * dimensions)
    vectors.forEach((vector, row) => matrix.set(vector, row * dimensions))
    const quantised = (await QuantisedVectors.of(matrix, vectors.length, dimensions, undefined)) as QuantisedVectors
    const cosines = new Float32Array(vectors.length)
    let widest = 0
    for (const query of [vectors[0], vectors[1], vectors[2], vectors[3], new Float32Array(dimensions)] as Float32Array[]) {
      const codes = quantisedQuery(query)
      expect(quantised.estimate(codes, 0, cosines)).toBe(vectors.length)
      for (let row = 0; row < vectors.length; row++) {
        const margin = quantised.margin(row, codes)
        expect(Math.abs((cosines[row] as number) - dotAt(query, matrix, row * dimensions))).toBeLessThanOrEqual(margin)
        widest = Math.max(widest, margin)
      }
    }
    expect(widest).toBeLessThan(0.03)
  })
})

describe('the vector search', () => {
  it('gives the exact best over large and small blocks, whatever is allowed, near duplicates among them', async () => {
    const next = random(5)
    const draw = gaussian(next)
    const dimensions = 96
    const centers = Array.from({ length: 20 }, () => Array.from({ length: dimensions }, draw))
    const vectors = Array.from({ length: 5_000 }, (_, row) => {
      const center = centers[row % centers.length] as number[]
      const spread = row % 7 === 0 ? 1e-4 : 0.5
      return row % 501 === 0 ? new Float32Array(dimensions) : unit(center.map((value) => value + spread * draw()))
    })
    for (let row = 1; row < vectors.length; row += 97) vectors[row] = vectors[row - 1] as Float32Array
    const state = await stateWith([vectors.slice(0, 3_000), vectors.slice(3_000, 4_900), vectors.slice(4_900)])
    expect(state.blocks.map(({ block }) => block.quantised !== undefined)).toEqual([true, true, false])
    const masks = [() => true, (row: number) => row % 3 === 0, (row: number) => row > 4_890, () => false]
    for (const allowed of masks) {
      let at = 0
      const may = state.blocks.map(({ block }) => Uint8Array.from({ length: block.rows }, () => (allowed(at++) ? 1 : 0)))
      for (const limit of [1, 10, 200]) {
        for (const query of [vectors[8], vectors[3_100], unit(Array.from({ length: dimensions }, draw)), new Float32Array(dimensions)] as Float32Array[]) {
          const best = await vectorSearch(state, query, limit, may, undefined)
          expect([...best.ids.subarray(0, best.size)]).toEqual(exactly(vectors, query, limit, allowed))
        }
      }
    }
  })

  it('stops when aborted, and bears searches beside one another', async () => {
    const next = random(9)
    const vectors = Array.from({ length: 30_000 }, () => unit(Array.from({ length: 16 }, () => next() - 0.5)))
    const state = await stateWith([vectors])
    const results = await Promise.all(vectors.slice(0, 4).map(async (query) => (await vectorSearch(state, query, 5, everything(state), undefined)).ids))
    results.forEach((ids, index) => expect([...ids]).toEqual(exactly(vectors, vectors[index] as Float32Array, 5)))
    const controller = new AbortController()
    controller.abort()
    await expect(vectorSearch(state, vectors[0] as Float32Array, 5, everything(state), controller.signal)).rejects.toMatchObject({ code: 'TENON_ABORTED' })
  })
})
