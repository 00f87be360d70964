import { bm25, type Candidate, type Change, type Condition, type Filter, type Metadata, type NewDocument, type NewPassage, type Query } from '@tenon/core'

export function unit(values: readonly number[]): Float32Array {
  const norm = Math.hypot(...values)
  return Float32Array.from(values, (value) => (norm === 0 ? 0 : value / norm))
}

/** Documents of a few words out of 30, some common and most rare, in Latin and in Chinese. */
export function randomDocuments(next: () => number, count: number, dimensions: number, key = () => `document ${Math.floor(next() * 40)}`): NewDocument[] {
  const words = Array.from({ length: 30 }, (_, index) => (index % 3 === 0 ? `榫${index}` : `word${index}`))
  const passage = (): NewPassage => {
    const terms = Array.from({ length: Math.floor(next() * 12) }, () => words[Math.floor(words.length * next() ** 3)] as string)
    const vector = next() < 0.05 ? new Float32Array(dimensions) : unit(Array.from({ length: dimensions }, () => next() - 0.4))
    return { vector, terms, passage: { headings: [`§ ${Math.floor(next() * 9)}`], text: terms.join(' '), start: 0, end: 1, sentences: [] } }
  }
  const documents = Array.from({ length: count }, (): NewDocument => {
    const passages = Array.from({ length: Math.floor(next() * 5) }, passage)
    // The same again: equal scores.
    if (next() < 0.2 && passages[0] !== undefined) passages.push(passages[0])
    return { key: key(), source: `source ${next()}`, revision: `${next()}`, metadata: { lang: next() < 0.5 ? 'en' : 'zh', year: 2000 + Math.floor(next() * 20), ...(next() < 0.5 && { draft: next() < 0.5 }) }, passages }
  })
  return [...new Map(documents.map((document) => [document.key, document])).values()]
}

interface Row extends NewPassage {
  readonly id: number
  document: Pick<NewDocument, 'key' | 'source' | 'metadata'>
}

const compare = (one: string | number, other: string | number) =>
  typeof one === 'number' ? one - Number(other) : Buffer.compare(Buffer.from(one), Buffer.from(String(other)))

function holds(condition: Condition, metadata: Metadata, field: string): boolean {
  const value = metadata[field]
  if (typeof condition !== 'object') return value === condition
  if ('in' in condition) return condition.in.some((one) => one === value)
  return Object.entries(condition as Record<string, string | number>).every(([bound, limit]) => {
    if (typeof value !== typeof limit) return false
    const difference = compare(value as string | number, limit)
    return bound === 'gt' ? difference > 0 : bound === 'gte' ? difference >= 0 : bound === 'lt' ? difference < 0 : difference <= 0
  })
}

/** What a store has to answer, as plainly as it can be said. */
export class StoreReference {
  readonly #documents = new Map<string, NewDocument>()
  #rows: Row[] = []
  #nextId = 0

  write({ put = [], describe = [], remove = [] }: Change): { replaced: number; removed: number } {
    const drop = (keys: readonly string[]) => {
      this.#rows = this.#rows.filter(({ document }) => !keys.includes(document.key))
      return keys.filter((key) => this.#documents.delete(key)).length
    }
    const counts = { removed: drop(remove), replaced: drop(put.map(({ key }) => key)) }
    for (const { key, source, metadata } of describe) {
      const document = this.#documents.get(key)
      if (document === undefined) continue
      this.#documents.set(key, { ...document, source, metadata })
      for (const row of this.#rows) if (row.document.key === key) row.document = { key, source, metadata }
    }
    for (const document of put) {
      this.#documents.set(document.key, document)
      const { key, source, metadata } = document
      for (const passage of document.passages) this.#rows.push({ ...passage, id: this.#nextId++, document: { key, source, metadata } })
    }
    return counts
  }

  get size() {
    return { documents: this.#documents.size, passages: this.#rows.length }
  }

  documents() {
    return [...this.#documents.values()].map((document) => ({ ...document, passages: document.passages.length }))
  }

  frequency(term: string): number {
    return this.#rows.filter(({ terms }) => terms.includes(term)).length
  }

  /** Ids are each store's own: only their order is to be the same. */
  search({ vector, terms, limit, filter = {} }: Query): Candidate[] {
    const lengthOf = (row: Row) => new Set(row.terms).size
    const mean = this.#rows.reduce((sum, row) => sum + lengthOf(row), 0) / this.#rows.length
    const scored = this.#rows
      .filter(({ document }) => matchesReference(filter, document.metadata))
      .map((row) => {
        const cosine = vector.reduce((sum, value, index) => sum + value * (row.vector[index] as number), 0)
        const score = terms.reduce((sum, term) => {
          const count = row.terms.filter((one) => one === term).length
          const frequency = this.frequency(term)
          const rarity = Math.log(1 + (this.#rows.length - frequency + 0.5) / (frequency + 0.5))
          if (count === 0) return sum
          const score = rarity * (bm25.delta + (count * (bm25.k1 + 1)) / (count + bm25.k1 * (1 - bm25.b + (bm25.b * lengthOf(row)) / mean)))
          return sum + Math.round(score / bm25.grain) * bm25.grain
        }, 0)
        return { id: row.id, document: row.document, passage: row.passage, cosine, bm25: score }
      })
    const near = scored.toSorted((one, other) => other.cosine - one.cosine || one.id - other.id).slice(0, limit)
    const worded = scored.filter((row) => row.bm25 > 0).toSorted((one, other) => other.bm25 - one.bm25 || one.id - other.id).slice(0, limit)
    return scored.filter((row) => near.includes(row) || worded.includes(row))
  }
}

const matchesReference = (filter: Filter, metadata: Metadata) => Object.entries(filter).every(([field, condition]) => holds(condition, metadata, field))
