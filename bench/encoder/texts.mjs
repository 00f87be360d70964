import { random } from '../statistics.mjs'

/** Words that are one token each, so that a text's length in tokens is known. */
export async function wordList(tokenizer) {
  const words = []
  for (let id = 0; id < tokenizer.vocabularySize; id++) {
    const token = tokenizer.tokenOf(id)
    if (token !== undefined && /^[a-z]{3,8}$/.test(token)) words.push(token)
  }
  return words
}

/** A text of `tokens` tokens, [CLS] and [SEP] counted. */
const textOf = (words, tokens, next) => Array.from({ length: tokens - 2 }, () => words[Math.floor(next() * words.length)]).join(' ')

export const fixed = (words, texts, tokens, seed) => {
  const next = random(seed)
  return Array.from({ length: texts }, () => textOf(words, tokens, next))
}

/** Lengths evenly from `shortest` to `longest`, in an order without order. */
export function mixed(words, texts, shortest, longest, seed) {
  const next = random(seed)
  const lengths = Array.from({ length: texts }, (_, index) => Math.round(shortest + (index * (longest - shortest)) / (texts - 1)))
  for (let index = lengths.length - 1; index > 0; index--) {
    const other = Math.floor(next() * (index + 1))
    ;[lengths[index], lengths[other]] = [lengths[other], lengths[index]]
  }
  return lengths.map((length) => textOf(words, length, next))
}
