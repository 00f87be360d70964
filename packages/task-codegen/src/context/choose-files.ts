import type { ContextFile } from '../prompt/layout.js'
import { suffixWindow } from '../prompt/windows.js'
import type { TextEncoder } from '../prompt/text-encoder.js'
import { identifiers } from './identifiers.js'
import { queryTerms, rankFiles, rarities, type Cursor } from './rank-files.js'

/** Fewer tokens of a file tell nothing. */
const LEAST = 32

/** One file has at most this share of the budget, so that there is room for a second. */
const LARGEST_SHARE = 0.5

/** The parts of a prompt that each file costs besides its text: a control token, and line ends. */
const AROUND = 4

/**
 * The files that belong into a prompt, within a budget of tokens: by relevance, long ones as the lines that matter. They come in
 * the order of `held`, whose tokens the cache has, and behind them the new ones, the most relevant last, next to what is written.
 */
export async function chooseFiles(files: readonly ContextFile[], cursor: Cursor, budget: number, encoder: TextEncoder, held: readonly ContextFile[] = []): Promise<ContextFile[]> {
  const chosen: ContextFile[] = []
  let left = budget
  for (const { path, text } of rankFiles(files, cursor)) {
    const named = AROUND + (await encoder.encode(path, 'inside')).ids.length
    const room = Math.min(left, files.length > 1 ? Math.floor(budget * LARGEST_SHARE) : budget) - named
    if (room < LEAST) continue
    const { end, ids } = await suffixWindow(text, room, encoder)
    const part = end === text.length ? text : await excerpt(text, cursor, room, end / Math.max(1, ids.length), encoder)
    if (part.trim() === '') continue
    chosen.push({ path, text: part })
    left -= named + (part === text ? ids.length : room)
  }
  const place = (path: string) => held.findIndex((file) => file.path === path)
  const kept = chosen.filter(({ path }) => place(path) >= 0).sort((one, other) => place(one.path) - place(other.path))
  return [...kept, ...chosen.filter(({ path }) => place(path) < 0).reverse()]
}

/** Lines differ in how many characters their tokens have. */
const TO_BE_SURE = 0.8

/** The lines in a row that hold most of what is written about. @param density Characters a token, as the file begins. */
async function excerpt(text: string, cursor: Cursor, room: number, density: number, encoder: TextEncoder): Promise<string> {
  const lines = text.split(/(?<=\n)/)
  const words = lines.map((line) => identifiers(line))
  const rarity = rarities(words, queryTerms(cursor))
  const worth = words.map((line) => Array.from(line.keys()).reduce((sum, word) => sum + (rarity.get(word) ?? 0), 0))
  const limit = room * density * TO_BE_SURE
  let [best, bestWorth, from, characters, sum] = [0, -1, 0, 0, 0]
  for (const [index, line] of lines.entries()) {
    characters += line.length
    sum += worth[index]!
    while (characters > limit && from < index) {
      characters -= lines[from]!.length
      sum -= worth[from++]!
    }
    if (sum > bestWorth) [best, bestWorth] = [from, sum]
  }
  const rest = lines.slice(best).join('')
  return rest.slice(0, (await suffixWindow(rest, room, encoder)).end)
}
