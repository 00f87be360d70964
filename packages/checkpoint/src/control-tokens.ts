import { randomUUID } from 'node:crypto'
import { isRecord } from './json.js'

/**
 * The names that stand for control tokens wherever a text holds them: added tokens that are special, and those that are looked for
 * before normalization, as Qwen's `<|fim_prefix|>`, which its file does not call special. Added words, and runs of white space that
 * some vocabularies list, are text.
 */
export function controlTokens(json: unknown): readonly string[] {
  const added: readonly unknown[] = isRecord(json) && Array.isArray(json.added_tokens) ? json.added_tokens : []
  return added.flatMap((token) => {
    if (!isRecord(token) || typeof token.content !== 'string' || token.content.trim() === '') return []
    return token.special === true || token.normalized === false ? [token.content] : []
  })
}

/**
 * The tokenizer.json that reads these names as text, and everything else to the same ids. Added tokens that the model's own
 * vocabulary lacks are numbered behind it in their order, so they stay, under names that nobody can write.
 */
export function withoutTokens(json: unknown, names: readonly string[]): unknown {
  if (!isRecord(json)) return json
  const gone = new Set(names)
  const secret = randomUUID()
  const { model, added_tokens: added } = json
  const listed = isRecord(model) && isRecord(model.vocab) ? model.vocab : {}
  const pieces = new Set(isRecord(model) && Array.isArray(model.vocab) ? model.vocab.map(pieceOf) : [])
  const inVocabulary = (name: string) => Object.hasOwn(listed, name) || pieces.has(name)
  const kept = (Array.isArray(added) ? (added as unknown[]) : []).flatMap((token) => {
    if (!isRecord(token) || typeof token.content !== 'string' || !gone.has(token.content)) return [token]
    return inVocabulary(token.content) ? [] : [{ ...token, content: secret + token.content }]
  })
  // Unigram's vocabulary lists control tokens with the best of scores, so that it would find them in a text by itself.
  const renamed = pieces.size === 0 ? model : { ...(model as object), vocab: ((model as { vocab: unknown[] }).vocab).map((entry) => (gone.has(pieceOf(entry)) ? [secret + pieceOf(entry), (entry as unknown[])[1]] : entry)) }
  return { ...json, added_tokens: kept, model: renamed }
}

const pieceOf = (entry: unknown): string => (Array.isArray(entry) ? String(entry[0]) : '')
