import type { Tokenizer } from '@tenon/core'

/** How a tokenizer's decoder puts tokens together, found by asking it. */
export interface Spelling {
  /**
   * `byte-level`: the characters of tokens stand for bytes (GPT-2 and most since). `byte-fallback`: ▁ stands for a space, and
   * `<0xE2>` for a byte (Llama 2, Mistral, Gemma). `other`: only the decoder knows.
   */
  readonly kind: 'byte-level' | 'byte-fallback' | 'other'
  /** Whether one space at the start of a text is taken away. */
  readonly strips: boolean
  /** What a token says in the middle of a text. Bytes, since a character may be spread over tokens. */
  bytes(token: string): Uint8Array
}

/**
 * The byte that each character stands for in byte-level tokens, as GPT-2 has it: printable characters of Latin-1 stand for
 * themselves, the other bytes in turn for the characters from U+0100 on.
 */
const byteOf = new Int16Array(0x200).fill(-1)
for (let byte = 0, others = 0; byte < 256; byte++) {
  const printable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad)
  byteOf[printable ? byte : 0x100 + others++] = byte
}

const utf8 = new TextEncoder()
const spellings = new WeakMap<Tokenizer, Spelling>()

export function spellingOf(tokenizer: Tokenizer): Spelling {
  const known = spellings.get(tokenizer)
  if (known !== undefined) return known
  const spelling = find(tokenizer)
  spellings.set(tokenizer, spelling)
  return spelling
}

function find(tokenizer: Tokenizer): Spelling {
  // 'âĤ¬' are the bytes of '€'.
  if (tokenizer.join(['ĠĠa', 'âĤ', '¬', 'Ċ']) === '  a€\n') return { kind: 'byte-level', strips: false, bytes: byteLevel }
  const read = tokenizer.join(['▁▁a', '<0xE2>', '<0x82>', '<0xAC>', '▁b', '<0x0A>'])
  if (read === '  a€ b\n' || read === ' a€ b\n') return { kind: 'byte-fallback', strips: read.length === 6, bytes: byteFallback }
  const before = tokenizer.join(['a'])
  return { kind: 'other', strips: false, bytes: (token) => utf8.encode(tokenizer.join(['a', token]).slice(before.length)) }
}

function byteLevel(token: string): Uint8Array {
  const bytes = new Uint8Array(token.length)
  for (let index = 0; index < token.length; index++) {
    const byte = byteOf[token.charCodeAt(index)] ?? -1
    if (byte === -1) return utf8.encode(token) // an added token, which decoders take at its word
    bytes[index] = byte
  }
  return bytes
}

/** The byte that a token such as `<0xE2>` stands for. */
export function fallbackByte(token: string): number | undefined {
  return token.length === 6 && /^<0x[\da-f]{2}>$/i.test(token) ? Number.parseInt(token.slice(3, 5), 16) : undefined
}

export const spaced = (token: string): string => token.replaceAll('▁', ' ')

function byteFallback(token: string): Uint8Array {
  const byte = fallbackByte(token)
  return byte === undefined ? utf8.encode(spaced(token)) : Uint8Array.of(byte)
}
