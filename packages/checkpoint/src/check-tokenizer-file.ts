import { InvalidFileError } from '@tenon/core'
import { isRecord } from './read-text.js'

/** What the file can do that a caller must know. */
export interface TokenizerAbilities {
  /** Whether the post-processor takes two texts. */
  readonly pairs: boolean
}

/**
 * Refuses a tokenizer.json that native code would accept and then crash on: a panic there ends the process, and no
 * JavaScript can catch it. Each rule stands for a crash that was seen with tokenizers 0.23.2. What is merely malformed
 * is left for native code to refuse. Regular expressions cannot be judged from outside; see the README's limits.
 * @throws InvalidFileError
 */
export function checkTokenizerFile(path: string, json: unknown): TokenizerAbilities {
  const fail = (problem: string) =>
    new InvalidFileError({
      path,
      problem,
      remedy: 'Save the tokenizer again with tokenizers 0.23 or newer, or choose another revision of the model',
    })
  if (!isRecord(json) || !isRecord(json.model)) throw fail("is no tokenizer: it has no 'model'")
  checkModel(json.model, fail)
  for (const normalizer of parts(json.normalizer, 'normalizers')) {
    if (normalizer.type === 'Precompiled') checkCharacterMap(normalizer.precompiled_charsmap, fail)
  }
  for (const preTokenizer of parts(json.pre_tokenizer, 'pretokenizers')) {
    if (preTokenizer.type === 'FixedLength' && preTokenizer.length === 0)
      throw fail('splits text into pieces of length 0')
  }
  for (const decoder of parts(json.decoder, 'decoders')) {
    if (decoder.type === 'Strip' && decoder.stop !== 0)
      throw fail("has a 'Strip' decoder that cuts the end of tokens, which crashes on shorter tokens")
  }
  const templates = parts(json.post_processor, 'processors').filter(({ type }) => type === 'TemplateProcessing')
  for (const template of templates) checkTemplate(template, fail)
  return { pairs: templates.every(({ pair }) => takes(pair, ['A', 'B'])) }
}

type Fail = (problem: string) => InvalidFileError
type Part = Record<string, unknown>

/** A component and, where it is a sequence, all those inside it. */
function parts(component: unknown, nested: string): Part[] {
  const found: Part[] = []
  const waiting: unknown[] = [component]
  while (waiting.length > 0) {
    const part = waiting.pop()
    if (!isRecord(part)) continue
    found.push(part)
    const inside = part[nested]
    if (Array.isArray(inside)) waiting.push(...inside)
  }
  return found
}

function checkModel(model: Part, fail: Fail): void {
  const { type, vocab, unk_token: unknown, continuing_subword_prefix: prefix, merges } = model
  // Native code finds these at the first unknown word, which may be months after loading.
  const needsUnknown = type === 'WordPiece' || type === 'WordLevel' || (type === undefined && merges === undefined)
  if (needsUnknown && isRecord(vocab) && typeof unknown === 'string' && !Object.hasOwn(vocab, unknown))
    throw fail(`lacks its own unknown token '${unknown}'`)

  if (typeof prefix === 'string' && prefix !== '' && Array.isArray(merges)) {
    for (const merge of merges) {
      const right: unknown =
        typeof merge === 'string' ? merge.split(' ')[1] : Array.isArray(merge) ? merge[1] : undefined
      if (typeof right === 'string' && !right.startsWith(prefix))
        throw fail(`has a merge '${String(merge)}' whose second part does not begin with '${prefix}'`)
    }
  }
}

/** A sentencepiece character map: base64 of a length, a trie of 32-bit units and the strings it points to. */
function checkCharacterMap(value: unknown, fail: Fail): void {
  if (typeof value !== 'string') return
  const bytes = Buffer.from(value, 'base64')
  const trieLength = bytes.length >= 4 ? bytes.readUInt32LE(0) : 0
  if (trieLength === 0 || trieLength % 4 !== 0 || trieLength > bytes.length - 4)
    throw fail("has a truncated 'precompiled_charsmap'")
}

/** The texts that a template holds, in its order. */
function texts(template: unknown): unknown[] {
  const pieces: unknown[] = Array.isArray(template) ? template : []
  return pieces.flatMap((piece) => (isRecord(piece) && isRecord(piece.Sequence) ? [piece.Sequence.id] : []))
}

/** Whether a template holds each of these texts once and no other. */
function takes(template: unknown, expected: readonly string[]): boolean {
  const held = texts(template)
  return held.length === expected.length && expected.every((id) => held.includes(id))
}

function checkTemplate({ single, pair, special_tokens: special }: Part, fail: Fail): void {
  if (!takes(single, ['A'])) throw fail('has a template that does not hold its text exactly once')
  for (const piece of [single, pair].flatMap((template): unknown[] => (Array.isArray(template) ? template : []))) {
    const id = isRecord(piece) && isRecord(piece.SpecialToken) ? piece.SpecialToken.id : undefined
    if (typeof id === 'string' && !(isRecord(special) && Object.hasOwn(special, id)))
      throw fail(`has a template with the token '${id}', which its special_tokens lack`)
  }
  for (const token of isRecord(special) ? Object.values(special) : []) {
    if (
      isRecord(token) &&
      Array.isArray(token.ids) &&
      Array.isArray(token.tokens) &&
      token.ids.length !== token.tokens.length
    )
      throw fail(
        `has a special token '${String(token.id)}' with ${token.ids.length} ids for ${token.tokens.length} tokens`,
      )
  }
}
