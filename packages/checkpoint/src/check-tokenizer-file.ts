import { InvalidFileError } from '@tenon/core'
import { characterMapFault } from './check-character-map.js'
import { isRecord } from './json.js'
import type { SkimmedTokenizer } from './skim-tokenizer.js'

/** What the file can do that a caller must know. */
export interface TokenizerAbilities {
  /** Whether the post-processor takes two texts. */
  readonly pairs: boolean
  /** What marks a token that goes on with a word. */
  readonly subwordPrefix: string | undefined
  /** The side of the padding that the file sets, if it sets any. */
  readonly paddingSide: 'left' | 'right' | undefined
  /** Whether the model is byte pair encoding, whose tokens hold the spaces of the text itself. */
  readonly bytePairs: boolean
}

/**
 * Refuses a tokenizer.json that native code would accept and then crash on: a panic there ends the process, and no
 * JavaScript can catch it. Each rule stands for a crash that was seen with tokenizers 0.23.2. What is merely malformed
 * is left for native code to refuse. Regular expressions cannot be judged from outside; see the README's limits.
 * @throws InvalidFileError
 */
export function checkTokenizerFile(path: string, { json, unmerged }: SkimmedTokenizer): TokenizerAbilities {
  const fail = (problem: string) =>
    new InvalidFileError({
      path,
      problem,
      remedy: 'Save the tokenizer again with tokenizers 0.23 or newer, or choose another revision of the model',
    })
  if (!isRecord(json) || !isRecord(json.model)) throw fail("is no tokenizer: it has no 'model'")
  if (unmerged !== undefined) throw fail(noToken(...unmerged))
  checkModel(json.model, fail)
  const normalizers = parts(json.normalizer, 'normalizers')
  for (const normalizer of normalizers) {
    const fault = is(normalizer, 'Precompiled') ? characterMapFault(normalizer.precompiled_charsmap) : undefined
    if (fault !== undefined) throw fail(`has a 'precompiled_charsmap' that ${fault}`)
    if (normalizers.length > 1 && marksNothing(normalizer))
      throw fail(`has a '${is(normalizer, 'Prepend') ? 'Prepend' : 'Replace'}' normalizer that takes the place of nothing, on which other normalizers crash`)
  }
  checkAddedTokens(json.added_tokens, normalizers, fail)
  for (const preTokenizer of parts(json.pre_tokenizer, 'pretokenizers')) {
    if (is(preTokenizer, 'FixedLength') && preTokenizer.length === 0)
      throw fail('splits text into pieces of length 0')
  }
  for (const decoder of parts(json.decoder, 'decoders')) {
    if (is(decoder, 'Strip') && decoder.stop !== 0)
      throw fail("has a 'Strip' decoder that cuts the end of tokens, which crashes on shorter tokens")
  }
  const templates = parts(json.post_processor, 'processors').filter((part) => is(part, 'TemplateProcessing'))
  for (const template of templates) checkTemplate(template, fail)
  const { type, continuing_subword_prefix: prefix = type === 'WordPiece' ? '##' : undefined } = json.model
  return {
    pairs: templates.every(({ pair }) => takes(pair, ['A', 'B'])),
    subwordPrefix: typeof prefix === 'string' && prefix !== '' ? prefix : undefined,
    paddingSide: isRecord(json.padding) ? side(json.padding.direction) : undefined,
    bytePairs: 'merges' in json.model,
  }
}

/** `'Left'` as the library writes it, `'left'` as transformers does. */
export function side(value: unknown): 'left' | 'right' | undefined {
  const lower = typeof value === 'string' ? value.toLowerCase() : undefined
  return lower === 'left' || lower === 'right' ? lower : undefined
}

type Fail = (problem: string) => InvalidFileError
type Part = Record<string, unknown>

/** Native code takes a component without a type that it knows for one whose fields it has. These are those of the rules. */
const shapes: readonly (readonly [field: string, type: string])[] = [
  ['single', 'TemplateProcessing'],
  ['precompiled_charsmap', 'Precompiled'],
  ['prepend', 'Prepend'],
  ['pattern', 'Replace'],
  ['length', 'FixedLength'],
  ['stop', 'Strip'],
]

/** Whether native code may take a component for one of this type. */
function is(part: Part, type: string): boolean {
  return part.type === type || shapes.some(([field, shape]) => shape === type && field in part)
}

/** A component and, where it is a sequence, all those inside it. */
export function parts(component: unknown, nested: string): Part[] {
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

/** What normalizers remove without a trace. */
const removed: Readonly<Record<string, string>> = {
  BertNormalizer: '(?![\\t\\n\\r])\\p{C}|\\ufffd|\\p{M}',
  Nmt: '(?![\\t\\n\\r])\\p{C}',
  Precompiled: '(?![\\t\\n\\r])\\p{C}',
  Strip: '\\s',
  StripAccents: '\\p{M}',
}

/** An added token that is looked for in normalized text must not be normalized to nothing, which is found everywhere. */
function checkAddedTokens(tokens: unknown, normalizers: readonly Part[], fail: Fail): void {
  const classes = normalizers.flatMap(({ type }) => (typeof type === 'string' && Object.hasOwn(removed, type) ? [removed[type]!] : []))
  if (classes.length === 0 || !Array.isArray(tokens)) return
  const nothing = new RegExp(`^(?:${classes.join('|')})*$`, 'u')
  for (const token of tokens as unknown[]) {
    if (isRecord(token) && token.normalized === true && typeof token.content === 'string' && nothing.test(token.content))
      throw fail(`has an added token ${JSON.stringify(token.content)}, of which its normalizers leave nothing`)
  }
}

/** Whether a normalizer replaces nothing by something, or puts nothing before a text. */
function marksNothing(part: Part): boolean {
  const { prepend, pattern } = part
  if (is(part, 'Prepend')) return prepend === ''
  if (!is(part, 'Replace') || !isRecord(pattern)) return false
  if (typeof pattern.Regex !== 'string') return pattern.String === ''
  try {
    return new RegExp(pattern.Regex, 'u').test('')
  } catch {
    return false // written for another engine, and left to it
  }
}

function checkModel(model: Part, fail: Fail): void {
  const { type, vocab, unk_token: unknown, continuing_subword_prefix: prefix, merges } = model
  // Native code finds these at the first unknown word, which may be months after loading.
  const needsUnknown = type === 'WordPiece' || type === 'WordLevel' || (type === undefined && merges === undefined)
  if (needsUnknown && isRecord(vocab) && typeof unknown === 'string' && !Object.hasOwn(vocab, unknown))
    throw fail(`lacks its own unknown token '${unknown}'`)

  if (Array.isArray(merges)) checkMerges(merges, vocab, typeof prefix === 'string' ? prefix : '', fail)
}

/** What two tokens are merged into must be a token, too: native code makes room for the longest one only. */
function checkMerges(merges: readonly unknown[], vocab: unknown, prefix: string, fail: Fail): void {
  const pairs = merges.map((merge): readonly unknown[] => (typeof merge === 'string' ? merge.split(' ') : Array.isArray(merge) ? merge : []))
  const lengthOf = (token: unknown) => (typeof token === 'string' ? token.length : 0)
  // Native code refuses by itself a merge of what are no tokens, and into what is none if there is room for it.
  const longest = pairs.reduce((length, [left, right]) => Math.max(length, lengthOf(left), lengthOf(right)), 0)
  for (const [left, right] of pairs) {
    if (typeof left !== 'string' || typeof right !== 'string') continue
    if (!right.startsWith(prefix)) throw fail(`has a merge '${left} ${right}' whose second part does not begin with '${prefix}'`)
    const mayBeLonger = 3 * (left.length + right.length) > longest // a unit of UTF-16 takes up to three bytes
    if (mayBeLonger && isRecord(vocab) && !Object.hasOwn(vocab, left + right.slice(prefix.length))) throw fail(noToken(left, right))
  }
}

const noToken = (left: string, right: string) => `has a merge '${left} ${right}' into what is no token`

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
