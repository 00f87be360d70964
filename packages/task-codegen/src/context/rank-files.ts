import { bm25 } from '@tenon/core'
import type { ContextFile } from '../prompt/layout.js'
import { identifiers } from './identifiers.js'

/** Where something is written. */
export interface Cursor {
  readonly path?: string | undefined
  readonly prefix: string
  readonly suffix: string
}

export interface RankedFile extends ContextFile {
  readonly score: number
}

/** How much of the text around the cursor says what it is about, in UTF-16 units: some forty lines before it and ten behind. */
const [BEFORE, AFTER] = [1600, 400]

/** A file that is imported is worth as much as the one whose words fit best; one next to it, a quarter of that. */
const weights = { words: 1, likeness: 0.5, imported: 1, near: 0.25 } as const

/** Files by how much they have to do with what is written: the words around the cursor, imports, and how near they lie. The best is first. */
export function rankFiles(files: readonly ContextFile[], cursor: Cursor): RankedFile[] {
  const query = queryTerms(cursor)
  const documents = files.map(({ text, path }) => identifiers(`${path}\n${text}`))
  const relevance = scores(documents, query)
  const best = Math.max(...relevance, Number.MIN_VALUE)
  const imports = importedNames(cursor)
  return files
    .map((file, index) => {
      const score = (weights.words * relevance[index]!) / best + weights.likeness * jaccard(query, documents[index]!) + weights.imported * Number(isImported(file.path, imports)) + weights.near * nearness(file.path, cursor.path)
      return { ...file, score }
    })
    .sort((one, other) => other.score - one.score || (one.path < other.path ? -1 : 1))
}

/** The words around the cursor. */
export const queryTerms = ({ prefix, suffix }: Cursor): ReadonlySet<string> => new Set(identifiers(`${prefix.slice(-BEFORE)}\n${suffix.slice(0, AFTER)}`).keys())

/** What each term tells: the rarer, the more. */
export function rarities(documents: readonly ReadonlyMap<string, number>[], terms: ReadonlySet<string>): ReadonlyMap<string, number> {
  return new Map(
    Array.from(terms, (term) => {
      const having = documents.filter((document) => document.has(term)).length
      return [term, Math.log(1 + (documents.length - having + 0.5) / (having + 0.5))] as const
    }),
  )
}

/** BM25+, as the stores of passages compute it. */
function scores(documents: readonly ReadonlyMap<string, number>[], query: ReadonlySet<string>): number[] {
  const mean = documents.reduce((sum, { size }) => sum + size, 0) / Math.max(1, documents.length) || 1
  const rarity = rarities(documents, query)
  const { k1, b, delta } = bm25
  return documents.map((document) => {
    let score = 0
    for (const [term, weight] of rarity) {
      const count = document.get(term) ?? 0
      if (count > 0) score += weight * (delta + (count * (k1 + 1)) / (count + k1 * (1 - b + (b * document.size) / mean)))
    }
    return score
  })
}

function jaccard(terms: ReadonlySet<string>, document: ReadonlyMap<string, number>): number {
  let both = 0
  for (const term of terms) if (document.has(term)) both++
  const either = terms.size + document.size - both
  return either === 0 ? 0 : both / either
}

/** The last parts of what the file's import lines name: `./lib/parse.js` and `lib.parse` are both `parse`. */
function importedNames({ prefix, suffix }: Cursor): ReadonlySet<string> {
  const names = new Set<string>()
  for (const [line] of `${prefix}\n${suffix}`.matchAll(/^[^\n]*\b(?:import|from|require|include|use|using|mod)\b[^\n]*$/gm)) {
    for (const [name] of line.slice(0, 400).matchAll(/[\p{L}\p{N}_$-]+/gu)) names.add(name.toLowerCase())
  }
  return names
}

/** By its name, or, where that is what all are called, by its folder's. */
function isImported(path: string, names: ReadonlySet<string>): boolean {
  const parts = path.toLowerCase().split(/[\\/]/)
  const stem = parts.at(-1)!.replace(/(?:\.d|\.test)?\.[^.]+$/, '')
  return names.has(['index', 'mod', '__init__', 'lib', 'main'].includes(stem) ? (parts.at(-2) ?? stem) : stem)
}

/** The share of folders that two paths have in common. */
function nearness(path: string, own: string | undefined): number {
  if (own === undefined) return 0
  const [one, other] = [path, own].map((each) => each.split(/[\\/]/).slice(0, -1)) as [string[], string[]]
  const most = Math.max(one.length, other.length)
  if (most === 0) return 1
  const differ = one.findIndex((folder, index) => folder !== other[index])
  return (differ < 0 ? one.length : differ) / most
}
