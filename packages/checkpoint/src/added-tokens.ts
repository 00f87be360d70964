import type { AddedToken } from '@tenon/core'
import { isRecord } from './json.js'

/**
 * The tokens that tokenizer.json adds to the model's vocabulary, in the order of their ids. Their ids are the library's: it numbers
 * those anew that the file numbers wrongly.
 */
export function addedTokens(json: unknown, idOf: (token: string) => number | null): readonly AddedToken[] {
  const added: readonly unknown[] = isRecord(json) && Array.isArray(json.added_tokens) ? json.added_tokens : []
  const tokens = added.flatMap((token) => {
    const id = isRecord(token) && typeof token.content === 'string' ? idOf(token.content) : null
    return id === null ? [] : [Object.freeze({ content: (token as { content: string }).content, id, special: (token as { special?: unknown }).special === true })]
  })
  return Object.freeze(tokens.sort((one, other) => one.id - other.id))
}
