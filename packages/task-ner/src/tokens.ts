import type { Encoding, Tokenizer } from '@tenon/core'
import { codePoints } from './code-points.js'

/** A token of the text, and how likely each label is. */
export interface Token {
  readonly word: string
  readonly scores: readonly number[]
  readonly start: number
  readonly end: number
  /** Among the tokens of the window. */
  readonly index: number
  /** Whether it goes on with the word of the token before it. */
  readonly continues: boolean
}

/**
 * The tokens of a window that stand for text.
 *
 * Which of them go on with a word is told as the reference tells it: where the tokenizer marks them (WordPiece's `##`), by
 * the token being another length than the text it stands for; elsewhere by there being no space before it.
 * @param logits [tokens, labels]
 */
export function tokensOf(text: string, { ids, tokens, offsets, specialTokensMask }: Encoding, logits: Float32Array, labels: number, { subwordPrefix, special, idOf }: Tokenizer): Token[] {
  const unknown = idOf(special.unk ?? '[UNK]') // BERT's, where the files do not name it
  const continues = (index: number, start: number, end: number): boolean => {
    if (subwordPrefix !== undefined) return codePoints(tokens[index]!) !== codePoints(text.slice(start, end))
    return start > 0 && !text.slice(start - 1, start + 1).includes(' ')
  }
  return [...tokens.keys()]
    .filter((index) => specialTokensMask[index] === 0)
    .map((index) => {
      const [start, end] = offsets[index]!
      const known = ids[index] !== unknown
      return {
        word: known ? tokens[index]! : text.slice(start, end),
        scores: softmax(logits.subarray(index * labels, (index + 1) * labels)),
        start,
        end,
        index,
        continues: known && continues(index, start, end),
      }
    })
}

function softmax(logits: Float32Array): number[] {
  const highest = logits.reduce((most, logit) => Math.max(most, logit), -Infinity) // so that nothing overflows
  const powers = Array.from(logits, (logit) => Math.exp(logit - highest))
  const sum = powers.reduce((total, power) => total + power, 0)
  return powers.map((power) => power / sum)
}

/** Of the highest; of several, the first. */
export const argmax = (scores: readonly number[]): number => scores.reduce((best, score, index) => (score > scores[best]! ? index : best), 0)
