import { isRecord, parseJson } from './json.js'
import { eachString, membersOf, type Span } from './json-text.js'

/** What was read of a tokenizer.json. */
export interface SkimmedTokenizer {
  /** The file's JSON, in which the model's `vocab` and `merges` may be empty: `unmerged` was looked for in them then. */
  readonly json: unknown
  /** The two parts of the first merge into what is no token, where native code might have no room for it. */
  readonly unmerged?: readonly [left: string, right: string] | undefined
  /** Where those two stand in the text, if they are empty in the JSON. */
  readonly spans?: { readonly vocab: Span; readonly merges: Span }
}

/**
 * Reads a tokenizer.json. Most of one for byte pair encoding are its vocabulary and its merges, which stay text: to make hundreds of thousands
 * of strings of them takes several times as long as to look through them for what would crash native code.
 * @throws InvalidFileError when it is no JSON. What stays text is not judged: native code reads it next.
 */
export function skimTokenizer(path: string, text: string): SkimmedTokenizer {
  const model = membersOf(text, 0, 'model')?.inner?.places
  const vocab = model?.get('vocab')
  const merges = model?.get('merges')
  if (vocab === undefined || merges === undefined || text[vocab.begin] !== '{' || text[merges.begin] !== '[') return { json: parseJson(path, text) }

  const [first, second] = vocab.begin < merges.begin ? [vocab, merges] : [merges, vocab]
  const empty = (span: Span) => (span === vocab ? '{}' : '[]')
  const json = parseJson(path, text.slice(0, first.begin) + empty(first) + text.slice(first.end, second.begin) + empty(second) + text.slice(second.end))
  if (!isBytePairs(json)) return { json: parseJson(path, text) }
  try {
    return { json, unmerged: firstUnmerged(text, merges, vocab), spans: { vocab, merges } }
  } catch {
    return { json: parseJson(path, text) } // a literal that is none: this tells where
  }
}

/** Others are asked for a token of their vocabulary, and a prefix of words' later parts changes what merges make. */
function isBytePairs(json: unknown): boolean {
  if (!isRecord(json) || !isRecord(json.model)) return false
  const { type, continuing_subword_prefix: prefix } = json.model
  return (type === 'BPE' || type === undefined) && (typeof prefix !== 'string' || prefix === '')
}

/** Native code refuses by itself a merge into what is no token, if it is no longer than the longest part of any, for which it makes room. */
function firstUnmerged(text: string, merges: Span, vocab: Span): readonly [string, string] | undefined {
  let longest = 0
  eachMerge(text, merges, (begin, end, isPair) => {
    if (end - begin > longest) for (const part of partsOf(text.slice(begin, end), isPair)) longest = Math.max(longest, part.length)
  })
  const long = new Map<string, readonly [string, string]>()
  eachMerge(text, merges, (begin, end, isPair) => {
    const mayBeLonger = (length: number) => 3 * length > longest // a unit of UTF-16 takes up to three bytes
    if (!mayBeLonger(end - begin)) return
    const [left, right] = partsOf(text.slice(begin, end), isPair)
    if (left !== undefined && right !== undefined && mayBeLonger(left.length + right.length) && !long.has(left + right)) long.set(left + right, [left, right])
  })
  if (long.size === 0) return undefined
  const shortest = Math.min(...Array.from(long.keys(), ({ length }) => length))
  eachString(text, vocab, (begin, end) => {
    if (end - begin >= shortest) long.delete(unescaped(text.slice(begin, end)))
  })
  return long.values().next().value
}

/** The parts of each merge, in their order. @throws SyntaxError where a literal is none */
export function mergesIn(text: string, merges: Span): readonly (readonly string[])[] {
  const all: (readonly string[])[] = []
  eachMerge(text, merges, (begin, end, isPair) => all.push(partsOf(text.slice(begin, end), isPair)))
  return all
}

/** A merge is a text of two parts with a space between them, or an array of the two. Its place is from the begin of one to the end of the other. */
function eachMerge(text: string, merges: Span, visit: (begin: number, end: number, isPair: boolean) => void): void {
  let array = -1
  let left = -1
  eachString(text, merges, (begin, end, depth, opened) => {
    if (depth === 1) visit(begin, end, false)
    else if (array !== opened) [array, left] = [opened, begin]
    else if (left !== -1) {
      visit(left, end, true)
      left = -1
    }
  })
}

const partsOf = (written: string, isPair: boolean): readonly string[] => (isPair ? (JSON.parse(`["${written}"]`) as string[]) : unescaped(written).split(' '))

const unescaped = (written: string): string => (written.includes('\\') ? (JSON.parse(`"${written}"`) as string) : written)
