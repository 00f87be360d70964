import type { Tokenizer } from '@tenon/core'
import { isRecord } from './json.js'

const roles = ['pad', 'cls', 'sep', 'mask', 'unk', 'bos', 'eos'] as const

/**
 * The special tokens that tokenizer_config.json and special_tokens_map.json name; the first wins. Each is a string or
 * an object with `content`, as transformers writes them.
 */
export function specialTokens(config: unknown, specialTokensMap: unknown): Tokenizer['special'] {
  const special: { -readonly [Role in keyof Tokenizer['special']]: string } = {}
  for (const role of roles) {
    for (const file of [config, specialTokensMap]) {
      const value = isRecord(file) ? file[`${role}_token`] : undefined
      const content = isRecord(value) ? value.content : value
      if (typeof content === 'string') special[role] ??= content
    }
  }
  return special
}
