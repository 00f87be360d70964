import type { Vocabulary } from '@tenon/generation'
import { goesOn } from './beginnings.js'

/** So many tokens are cut back at most: further back, none goes on over all of them. */
const MOST = 4

/**
 * The end of a text that is to be generated again, so that the model may choose a token which holds it and more: of `retu`, cut into
 * `re` and `tu`, all, since there is `return`; nothing where no token goes on.
 * @param ids The text's tokens.
 * @param from Where in the text it may begin.
 */
export function cutBack(text: string, ids: readonly number[], from: number, vocabulary: Vocabulary): string {
  const all = Buffer.from(text)
  let best = ''
  let length = 0
  for (let count = 1; count <= Math.min(MOST, ids.length); count++) {
    const token = vocabulary.bytes(ids[ids.length - count]!)
    length += token.length
    const bytes = all.subarray(Math.max(0, all.length - length))
    if (token.length === 0 || Buffer.compare(bytes.subarray(0, token.length), token) !== 0) break // a token that stands for other text, as an unknown one
    const end = bytes.toString()
    if (end.length > text.length - from) break
    const whole = (bytes[0]! & 0xc0) !== 0x80 // not within a character
    if (whole && goesOn(bytes, vocabulary)) best = end
  }
  return best
}

/**
 * Where the name begins within which a text ends, with the character before it, since tokens hold that too (` retu`, `.ba`); the
 * text's length where it ends otherwise.
 */
export function unfinishedName(text: string): number {
  const name = /[\p{L}\p{N}_$]+$/u.exec(text.slice(-256))?.[0].length ?? 0
  const start = text.length - name
  return name > 0 && start > 0 && text[start - 1] !== '\n' ? start - 1 : start
}
