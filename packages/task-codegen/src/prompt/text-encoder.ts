import type { Tokenizer } from '@tenon/core'

/** A text as a prompt holds it. */
export interface Encoded {
  readonly ids: readonly number[]
  /** `[start, end)` of each token in the text, in UTF-16 units. */
  readonly offsets: readonly (readonly [number, number])[]
}

/** Encodes what users wrote: control tokens in it stay text, and no token is added. */
export interface TextEncoder {
  /** What the tokenizer puts before every text, such as the token that begins a sequence. */
  readonly start: readonly number[]
  /** @param place Whether the text begins the sequence, or stands behind other tokens, where no space is put before it. */
  encode(text: string, place: 'start' | 'inside'): Promise<Encoded>
}

/** What a text is put behind where the tokenizer would put a space before it. No token goes over its end. */
const SENTINEL = '☺'

export async function createTextEncoder(tokenizer: Tokenizer): Promise<TextEncoder> {
  const [plain, added] = await Promise.all([tokenizer.encode('a', { addSpecialTokens: false }), tokenizer.encode('a')])
  // SentencePiece puts a space before a text, by which 'a' becomes the token for ' a'.
  const prepends = /^[▁Ġ]/.test(plain.tokens[0] ?? '')
  const first = added.specialTokensMask.indexOf(0)
  const read = async (text: string): Promise<Encoded> => {
    const { ids, offsets } = await tokenizer.encode(text, { addSpecialTokens: false, specialTokens: 'text' })
    return { ids, offsets }
  }
  return {
    start: added.ids.slice(0, Math.max(0, first)),
    async encode(text, place) {
      if (text === '') return { ids: [], offsets: [] }
      if (place === 'start' || !prepends) return read(text)
      const { ids, offsets } = await read(SENTINEL + text)
      const from = offsets.findIndex(([start]) => start >= SENTINEL.length)
      return from < 0 ? { ids: [], offsets: [] } : { ids: ids.slice(from), offsets: offsets.slice(from).map(([start, end]) => [start - SENTINEL.length, end - SENTINEL.length] as const) }
    },
  }
}
