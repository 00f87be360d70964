import type { Tokenizer } from '@tenon/core'
import { vocabularyOf, type Vocabulary } from '../text/vocabulary.js'

/**
 * The tokens of a vocabulary as a tree of bytes, its nodes in the order of a walk that goes down first: where a byte does not
 * fit, all that begin with it are passed over at once.
 */
export interface TokenTrie {
  readonly vocabulary: Vocabulary
  readonly bytes: Uint8Array
  /** How many bytes lie above a node. */
  readonly depths: Int32Array
  /** The first node that does not lie below it. */
  readonly ends: Int32Array
  /** The tokens that end at a node: those of `vocabulary.sorted` from one node's number to the next one's. */
  readonly tokens: Int32Array
  readonly deepest: number
}

const tries = new WeakMap<Tokenizer, TokenTrie>()

export function tokenTrieOf(tokenizer: Tokenizer): TokenTrie {
  let trie = tries.get(tokenizer)
  if (trie === undefined) tries.set(tokenizer, (trie = build(vocabularyOf(tokenizer))))
  return trie
}

function build(vocabulary: Vocabulary): TokenTrie {
  const { sorted } = vocabulary
  let most = 0
  for (const id of sorted) most += vocabulary.bytes(id).length
  const bytes = new Uint8Array(most)
  const depths = new Int32Array(most)
  const ends = new Int32Array(most)
  const tokens = new Int32Array(most + 1)
  let count = 0
  let deepest = 0
  const path: number[] = [] // the nodes from the root to the last token
  let before: Uint8Array = new Uint8Array()
  sorted.forEach((id, index) => {
    const spelled = vocabulary.bytes(id)
    let common = 0
    while (common < before.length && common < spelled.length && before[common] === spelled[common]) common++
    while (path.length > common) ends[path.pop()!] = count
    for (let depth = common; depth < spelled.length; depth++) {
      bytes[count] = spelled[depth]!
      depths[count] = depth
      tokens[count] = index // nothing ends above the token's last byte
      path.push(count++)
    }
    tokens[count] = index + 1
    deepest = Math.max(deepest, spelled.length)
    before = spelled
  })
  while (path.length > 0) ends[path.pop()!] = count
  return { vocabulary, bytes: bytes.slice(0, count), depths: depths.slice(0, count), ends: ends.slice(0, count), tokens: tokens.slice(0, count + 1), deepest }
}
