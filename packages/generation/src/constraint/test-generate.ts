import type { Tokenizer } from '@tenon/core'
import { createSampler } from '../sampling/index.js'
import { vocabularyOf } from '../text/index.js'
import type { Constraint, ConstraintFactory } from './index.js'

/** A vocabulary of texts, each a token; the last is the end token. */
export function tokenizerOf(texts: readonly string[]): Tokenizer & { readonly end: number } {
  const end = texts.length
  return {
    vocabularySize: end + 1,
    join: (tokens: readonly string[]) => tokens.join(''),
    tokenOf: (id: number) => (id === end ? '<end>' : texts[id]),
    addedTokens: [{ content: '<end>', id: end, special: true }],
    end,
  } as unknown as Tokenizer & { readonly end: number }
}

/** What a model that knows nothing writes: at random, and after `patience` tokens whatever closes what is open. */
export async function write(factory: ConstraintFactory, tokenizer: Tokenizer, end: number, seed: number, patience = 24): Promise<{ text: string; tokens: number[]; constraint: Constraint }> {
  const constraint = await factory(tokenizer, [end])
  const vocabulary = vocabularyOf(tokenizer)
  const sampler = createSampler({ temperature: 1.5, seed })
  const closing = new Map([...'"🪵bx}]0nulltrefas'].map((character, index) => [character, 60 - index]))
  const closers = new Map(Array.from({ length: vocabulary.size }, (_, id): [number, number] => [id, closing.get(Buffer.from(vocabulary.bytes(id)).toString()) ?? 0]).filter(([, weight]) => weight > 0))
  const tokens: number[] = []
  const bytes: Uint8Array[] = []
  while (!constraint.finished) {
    if (tokens.length > 4000) throw new Error(`no end: ${Buffer.concat(bytes).toString().slice(0, 200)}…`)
    const logits = Float32Array.from({ length: vocabulary.size }, (_, id) => 4 * Math.sin((id + 1) * 12.9898 + tokens.length * 78.233 + seed))
    if (tokens.length >= patience) {
      logits[end] = 200
      for (const [id, weight] of closers) logits[id] = weight
    }
    const { token } = sampler.sample(logits, { tokens, promptLength: 0 }, constraint)
    if (!constraint.accept(token)) throw new Error(`token ${token} was masked as fitting, and is not accepted`)
    tokens.push(token)
    bytes.push(vocabulary.bytes(token))
  }
  return { text: new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(bytes)), tokens, constraint }
}

/** Whether a text is one that the constraint allows, read byte by byte. */
export async function allows(factory: ConstraintFactory, text: string): Promise<boolean> {
  const constraint = await factory(bytewise, [256])
  for (const byte of Buffer.from(text)) if (!constraint.accept(byte)) return false
  return constraint.complete
}

/** A byte-level vocabulary of the 256 bytes alone. */
const characterOf = new Map<number, string>()
for (let byte = 0, others = 0; byte < 256; byte++) {
  const printable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad)
  characterOf.set(byte, String.fromCharCode(printable ? byte : 0x100 + others++))
}
const byteOf = new Map([...characterOf].map(([byte, character]) => [character, byte]))
const bytewise = {
  vocabularySize: 257,
  join: (tokens: readonly string[]) => Buffer.from([...tokens.join('')].map((character) => byteOf.get(character)!)).toString(),
  tokenOf: (id: number) => characterOf.get(id) ?? (id === 256 ? '<end>' : undefined),
  addedTokens: [{ content: '<end>', id: 256, special: true }],
} as unknown as Tokenizer
