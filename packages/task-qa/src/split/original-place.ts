import type { StoredPassage } from '@tenon/core'
import { originalRange } from '../documents/mapped-text.js'

/**
 * Where the characters `[from, to)` of a passage stand in the document, to the character wherever the document says them so.
 * `from < to`, and at least one of them lies in a sentence.
 */
export function originalPlace({ text, sentences }: Pick<StoredPassage, 'text' | 'sentences'>, from: number, to: number): { start: number; end: number } {
  const places = sentences
    .filter((sentence) => sentence.from < to && sentence.to > from)
    .map((sentence) => {
      const [first, last] = [Math.max(from, sentence.from) - sentence.from, Math.min(to, sentence.to) - sentence.from]
      const runs = sentence.runs ?? [{ at: 0, length: sentence.to - sentence.from, start: sentence.start, end: sentence.end }]
      return originalRange({ text: text.slice(sentence.from, sentence.to), runs }, first, last)
    })
  // Rows and labels of JSON may stand in another order than in the document.
  return { start: Math.min(...places.map(({ start }) => start)), end: Math.max(...places.map(({ end }) => end)) }
}
