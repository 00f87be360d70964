import { checkOptions, InvalidFileError, InvalidInputError, InvalidOptionError, MissingFileError } from '@tenon/core'
import type { EncodeOptions, Encoding, TextOrPair, Tokenizer } from '@tenon/core'
import { join } from 'node:path'
import { addedTokens } from './added-tokens.js'
import { cacheFolder } from './cache-folder.js'
import { checkTokenizerFile, side } from './check-tokenizer-file.js'
import { cleanUpSpaces } from './clean-up-spaces.js'
import { derivedStore } from './derived-store.js'
import { controlTokens, withoutTokens } from './control-tokens.js'
import { encodingOf } from './encoding.js'
import { isRecord, parseJson } from './json.js'
import { keepTokenizer, keptPlace, openKeptTokenizer, type KeptPlace, type KeptTokenizer } from './kept-tokenizer.js'
import { importTokenizers, requireTokenizers, type NativeEncoding, type NativeTokenizer, type NativeTokenizers } from './native-tokenizers.js'
import { newerFormat } from './newer-format.js'
import { skimTokenizer } from './skim-tokenizer.js'
import { specialTokens } from './special-tokens.js'
import { tokenizerFromVocabulary } from './vocabulary-file.js'
import { checkEncodeOptions } from './windows.js'

/**
 * Longest text, in UTF-16 units. The regular expressions of byte-level tokenizers go back over runs of white space, and
 * native code aborts the process after 10,000,000 steps back (Oniguruma's retry limit).
 */
const textLengthLimit = 4_000_000

/** tokenizer_config.json has 1e30 for "no limit"; no model reads this many. */
const saneLength = 1e6

/** Where a tokenizer's files come from. */
export interface TokenizerFiles {
  /** Folder or other place, for messages. */
  readonly place: string
  /** The text of a file such as `tokenizer.json`, or `undefined` where it is absent. */
  read(file: string): Promise<string | undefined>
  /** The path of the one file that a file's text is read from, or made from, if there is one. */
  origin?(file: string): Promise<string | undefined>
}

export interface LoadTokenizerOptions {
  /** The `tokenizers` package; by default the installed one is loaded with the first tokenizer. */
  readonly tokenizers?: NativeTokenizers | undefined
  /**
   * The folder where vocabularies are kept in the form in which they are read on another thread, the next time, or `false` to keep none.
   * Default: `TENON_CACHE`, or the user's cache folder.
   */
  readonly cache?: string | URL | false | undefined
}

/** What can be done before anybody waits, and on other threads. */
export interface BegunTokenizer {
  readonly library: NativeTokenizers
  readonly place: KeptPlace | undefined
  /** Under way on another thread. Never rejects. */
  readonly kept: Promise<KeptTokenizer | undefined>
}

/** Starts to load a tokenizer: all of it where it is kept, and otherwise little. @throws BackendUnavailableError */
export async function beginTokenizer(files: TokenizerFiles, { tokenizers, cache }: LoadTokenizerOptions): Promise<BegunTokenizer> {
  const library = tokenizers ?? requireTokenizers() ?? (await importTokenizers())
  const place = cache === false ? undefined : await placeOf(files, cacheFolder('tokenizers', cache))
  return { library, place, kept: place === undefined ? Promise.resolve(undefined) : openKeptTokenizer(place, library) }
}

/**
 * Loads a tokenizer from tokenizer.json, tokenizer_config.json and special_tokens_map.json, or, for BERT, vocab.txt.
 * Truncation and padding that the file sets are ignored: both are the caller's choice, per call. Calls run off the event
 * loop and do not influence one another; batches of texts are spread over the processor's cores.
 *
 * Encoding throws InvalidInputError for texts past 4,000,000 UTF-16 units and InvalidOptionError for options out of
 * range. `decode` keeps special tokens by default.
 * @throws MissingFileError when there is neither tokenizer.json nor vocab.txt.
 * @throws InvalidFileError when a file is malformed, or would crash native code.
 * @throws BackendUnavailableError when the `tokenizers` package has no binary for this platform.
 */
export async function loadTokenizer(files: TokenizerFiles, options: LoadTokenizerOptions = {}): Promise<Tokenizer> {
  return finishTokenizer(files, beginTokenizer(files, options))
}

/** The rest of the way, from what `beginTokenizer` began with the same files. @throws as `loadTokenizer` does */
export async function finishTokenizer(files: TokenizerFiles, begun: Promise<BegunTokenizer>): Promise<Tokenizer> {
  const optional = async (file: string) => {
    const text = await files.read(file)
    return text === undefined ? undefined : parseJson(join(files.place, file), text)
  }
  const [config, specialTokensMap] = await Promise.all([
    optional('tokenizer_config.json'),
    optional('special_tokens_map.json'),
  ])
  const { library, place, kept: keptOrNot } = await begun
  const kept = await keptOrNot
  const path = join(files.place, 'tokenizer.json')
  const { json, native, abilities, keeping = Promise.resolve(true) } = kept === undefined ? await readTokenizer(files, { config, specialTokensMap, library, place }) : { ...kept, abilities: checkTokenizerFile(path, kept), keeping: undefined }
  const { pairs, subwordPrefix, paddingSide, bytePairs } = abilities
  const controls = controlTokens(json)
  const decoder = native.getDecoder()
  const tidy = isRecord(config) && config.clean_up_tokenization_spaces === true && !bytePairs ? cleanUpSpaces : undefined
  native.disableTruncation()
  native.disablePadding()

  // Made when a text first holds a control token's name: a second vocabulary takes as long to read, and as much memory, as the first.
  let literal: Promise<NativeTokenizer> | undefined
  async function withoutControls(): Promise<NativeTokenizer> {
    const again = await definition(files, config, specialTokensMap)
    const made = nativeTokenizer(library, path, JSON.stringify(withoutTokens(parseJson(again.path, again.text), controls)))
    made.disableTruncation()
    made.disablePadding()
    return made
  }
  function nativeFor(texts: readonly TextOrPair[], { specialTokens: read = 'tokens' }: EncodeOptions): NativeTokenizer | Promise<NativeTokenizer> {
    const names = (text: string) => controls.some((token) => text.includes(token))
    if (read === 'tokens' || !texts.flat().some(names)) return native
    literal ??= withoutControls()
    literal.catch(() => (literal = undefined))
    return literal
  }

  const refused = (cause: unknown) =>
    new InvalidInputError({
      what: 'the text',
      problem: `cannot be encoded: ${(cause as Error).message}`,
      remedy: `check that the model in ${path} covers every character`,
    })

  async function encode(text: TextOrPair, options: EncodeOptions = {}): Promise<Encoding> {
    checkCall(options)
    checkText(text, pairs)
    const [first, second] = typeof text === 'string' ? [text, null] : text
    const encoded = await (await nativeFor([text], options))
      .encode(first, second, { addSpecialTokens: options.addSpecialTokens ?? true })
      .catch((cause: unknown) => {
        throw refused(cause)
      })
    return encodingOf(encoded, text, options)
  }

  async function encodeBatch(texts: readonly TextOrPair[], options: EncodeOptions = {}): Promise<Encoding[]> {
    checkCall(options)
    for (const text of texts) checkText(text, pairs)
    const singles = texts.filter((text) => typeof text === 'string')
    // The native batch takes single texts only; pairs go one by one to the same thread pool.
    if (singles.length < texts.length) return Promise.all(texts.map((text) => encode(text, options)))
    if (singles.length === 0) return []
    const encoded: NativeEncoding[] = await (await nativeFor(singles, options))
      .encodeBatch(singles, { addSpecialTokens: options.addSpecialTokens ?? true })
      .catch((cause: unknown) => {
        throw refused(cause)
      })
    return encoded.map((encoding, index) => encodingOf(encoding, singles[index] ?? '', options))
  }

  return {
    vocabularySize: native.getVocabSize(true),
    derived: place && derivedStore(place.base, keeping),
    addedTokens: addedTokens(json, (token) => native.tokenToId(token)),
    special: Object.freeze(specialTokens(config, specialTokensMap)),
    maxLength: maxLengthOf(config),
    subwordPrefix,
    paddingSide: (isRecord(config) ? side(config.padding_side) : undefined) ?? paddingSide ?? 'right',
    encode,
    encodeBatch,
    async decode(ids, { skipSpecialTokens = false } = {}) {
      const plain = Array.from(ids)
      const wrong = plain.find((id) => !isId(id))
      // Native code would wrap it around to another token.
      if (wrong !== undefined)
        throw new InvalidInputError({
          what: 'the ids',
          problem: `hold ${wrong}, which is no token id`,
          remedy: 'pass whole numbers from 0',
        })
      const text = await native.decode(plain, skipSpecialTokens)
      return tidy === undefined ? text : tidy(text)
    },
    join: (tokens) => (decoder === null ? tokens.join(' ') : decoder.decode([...tokens])),
    idOf: (token) => native.tokenToId(token) ?? undefined,
    tokenOf: (id) => (isId(id) ? (native.idToToken(id) ?? undefined) : undefined),
  }
}

/** Where the tokenizer of these files is kept, if it comes from one file. What is wrong with that, whoever reads it tells. */
async function placeOf(files: TokenizerFiles, folder: string): Promise<KeptPlace | undefined> {
  try {
    const path = await files.origin?.('tokenizer.json')
    return path === undefined ? undefined : keptPlace(folder, path)
  } catch {
    return undefined
  }
}

/** Reads the definition whole, on this thread. @throws InvalidFileError, MissingFileError */
async function readTokenizer(files: TokenizerFiles, { config, specialTokensMap, library, place }: { readonly config: unknown; readonly specialTokensMap: unknown; readonly library: NativeTokenizers; readonly place: KeptPlace | undefined }) {
  const { path, text } = await definition(files, config, specialTokensMap)
  const skimmed = skimTokenizer(path, text)
  const abilities = checkTokenizerFile(path, skimmed)
  const native = nativeTokenizer(library, path, text)
  const keeping = place === undefined ? undefined : keepTokenizer(place, text, skimmed)
  return { json: skimmed.json, native, abilities, keeping }
}

/** @throws InvalidFileError */
function nativeTokenizer({ Tokenizer }: NativeTokenizers, path: string, text: string): NativeTokenizer {
  try {
    return Tokenizer.fromString(text)
  } catch (cause) {
    const newer = newerFormat(parseJson(path, text))
    throw new InvalidFileError({
      path,
      problem: `is refused by the tokenizers library: ${newer ?? (cause as Error).message}`,
      remedy:
        newer === undefined
          ? 'Save the tokenizer again with tokenizers 0.23 or newer'
          : 'Pass a newer build of tokenizers as the option tokenizers, or take an earlier revision of the model',
      cause,
    })
  }
}

async function definition(
  files: TokenizerFiles,
  config: unknown,
  specialTokensMap: unknown,
): Promise<{ path: string; text: string }> {
  const path = join(files.place, 'tokenizer.json')
  const text = await files.read('tokenizer.json')
  if (text !== undefined) return { path, text }
  const vocabulary = await files.read('vocab.txt')
  if (vocabulary === undefined)
    throw new MissingFileError({
      path,
      purpose: 'there is no vocab.txt in its stead',
      remedy: 'Add the tokenizer.json of the model; save_pretrained of transformers writes it',
    })
  const from = join(files.place, 'vocab.txt')
  return { path: from, text: tokenizerFromVocabulary(from, vocabulary, config, specialTokensMap) }
}

function maxLengthOf(config: unknown): number | undefined {
  const length = isRecord(config) ? config.model_max_length : undefined
  return typeof length === 'number' && length >= 1 && length < saneLength ? Math.floor(length) : undefined
}

const isId = (id: unknown) => Number.isInteger(id) && (id as number) >= 0 && (id as number) < 2 ** 32

function checkCall(options: EncodeOptions): void {
  checkOptions('encode', options, ['addSpecialTokens', 'maxLength', 'specialTokens', 'stride', 'truncate'])
  const { specialTokens: read } = options
  if (read !== undefined && read !== 'tokens' && read !== 'text')
    throw new InvalidOptionError({ where: 'encode', option: 'specialTokens', problem: `is ${JSON.stringify(read)}`, remedy: "Choose 'tokens' or 'text'" })
  checkEncodeOptions(options)
}

function checkText(text: TextOrPair, pairs: boolean): void {
  const refuse = (problem: string, remedy: string) => new InvalidInputError({ what: 'the text', problem, remedy })
  const texts: readonly unknown[] = Array.isArray(text) ? text : [text]
  if (!texts.every((each) => typeof each === 'string'))
    throw refuse('is no string', 'pass a string, or two in an array')
  if (Array.isArray(text) && text.length !== 2)
    throw refuse(`is an array of ${text.length}`, 'pass a string, or two in an array; for several texts, encodeBatch')
  if (Array.isArray(text) && !pairs)
    throw refuse('is a pair, which this tokenizer has no template for', 'join the texts as the model expects them')
  const longest = Math.max(...texts.map((each) => each.length))
  if (longest > textLengthLimit)
    throw refuse(`has ${longest} UTF-16 units, more than ${textLengthLimit}`, 'encode it in parts')
}
