import type { Encoding } from '@tenon/core'

/** Tokens `[first, last]` of a window. */
export interface TokenSpan {
  readonly first: number
  readonly last: number
  readonly score: number
}

export interface WindowLogits {
  /** One for each token of the window, and none for padding. */
  readonly start: Float32Array
  readonly end: Float32Array
}

/** Of a logit that does not count: the reference's own, so that a window without any that does comes out the same. */
const MASKED = -10_000

/** What a window says: its best spans, best first, and how likely it holds no answer. */
export interface WindowAnswers {
  readonly spans: readonly TokenSpan[]
  readonly noAnswer: number
}

/**
 * The spans of the context that a window's logits favour, as transformers 4.51's pipeline decodes them: softmax over
 * the tokens of the context and `[CLS]`, wherever it stands; the first token then stands for "no answer". Spans of
 * equal score come in the order of the context, and those that are impossible not at all.
 */
export function bestSpans(encoding: Encoding, { start, end }: WindowLogits, { context, cls, topK, maxAnswerLen }: { context: 0 | 1; cls: number | undefined; topK: number; maxAnswerLen: number }): WindowAnswers {
  const { ids, sequenceIds } = encoding
  const counts = (token: number) => sequenceIds[token] === context || ids[token] === cls
  const [starts, ends] = [softmax(start, counts), softmax(end, counts)]
  const noAnswer = (starts[0] ?? 0) * (ends[0] ?? 0)
  const spans: TokenSpan[] = []
  const from = sequenceIds[0] === context ? 1 : sequenceIds.indexOf(context) // the first token never begins an answer
  const to = sequenceIds.lastIndexOf(context) + 1
  for (let first = from; first >= 0 && first < to; first++) {
    for (let last = first; last < Math.min(first + maxAnswerLen, to); last++) {
      const score = starts[first]! * ends[last]!
      if (score > (spans.length < topK ? 0 : spans.at(-1)!.score)) insert(spans, { first, last, score }, topK)
    }
  }
  return { spans, noAnswer }
}

/** Keeps the best, best first; of equal ones, the earlier first. */
function insert(spans: TokenSpan[], span: TokenSpan, limit: number): void {
  let at = spans.length
  while (at > 0 && spans[at - 1]!.score < span.score) at--
  spans.splice(at, 0, span)
  if (spans.length > limit) spans.pop()
}

function softmax(logits: Float32Array, counts: (token: number) => boolean): Float64Array {
  const values = Float64Array.from(logits, (logit, token) => (counts(token) ? logit : MASKED))
  const highest = values.reduce((most, value) => Math.max(most, value), -Infinity)
  const powers = values.map((value) => Math.exp(value - highest))
  const sum = powers.reduce((total, power) => total + power, 0)
  return powers.map((power) => power / sum)
}

/** Where a span stands in the context, in UTF-16 units; with whole words, so far as this window holds them. */
export function charactersOf({ offsets, wordIds, sequenceIds }: Encoding, { first, last }: TokenSpan, alignToWords: boolean): { start: number; end: number } {
  let [from, to] = [first, last]
  if (alignToWords && wordIds[first] !== null && wordIds[last] !== null) {
    const sameWord = (token: number, next: number) => wordIds[token] === wordIds[next] && sequenceIds[token] === sequenceIds[next]
    while (from > 0 && sameWord(from, from - 1)) from--
    while (to + 1 < offsets.length && sameWord(to, to + 1)) to++
  }
  return { start: offsets[from]![0], end: offsets[to]![1] }
}
