import { createHash } from 'node:crypto'
import { readFileSync, realpathSync } from 'node:fs'
import { access, constants, mkdir, readdir, rm, stat, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { writeWhole } from './derived-store.js'
import { isRecord } from './json.js'
import type { NativeTokenizer, NativeTokenizers } from './native-tokenizers.js'
import { mergesIn, type SkimmedTokenizer } from './skim-tokenizer.js'
import { stampOf } from './stamp-of.js'

/** Characters of a tokenizer.json from which a thread of its own pays. */
const WORTHWHILE = 2 ** 19
/** Tokenizers that are kept, of some megabytes each. */
const MOST = 16
/** Milliseconds after which files that belong to nothing are of processes that are gone. */
const ABANDONED = 3600 * 1000
/** Counted up when what is kept changes, or how it is read again, or what the vocabularies of GGUF files become. */
export const FORM = 1

/**
 * A tokenizer for byte pair encoding in the form that native code reads on a thread of its own: `<name>.vocab.json`, sorted, which is
 * the order that it is kept in there, `<name>.merges.txt`, and in `<name>.json` the rest and the stamps of the two.
 */
export interface KeptPlace {
  /** Without an ending; named after the file that it was made of, and what that was like. */
  readonly base: string
}

export interface KeptTokenizer {
  /** The file's JSON, without its vocabulary and merges. */
  readonly json: unknown
  readonly native: NativeTokenizer
}

interface Description {
  readonly json: unknown
  readonly vocabulary: string
  readonly merges: string
}

const filesOf = ({ base }: KeptPlace) => ({ description: `${base}.json`, vocabulary: `${base}.vocab.json`, merges: `${base}.merges.txt` })

/**
 * Where the tokenizer of this file is kept, if it is. At once, as all that is read before the other thread begins: whoever waits for the
 * file system lets longer work of this thread go first.
 * @throws where there is no such file
 */
export function keptPlace(folder: string, path: string): KeptPlace {
  const real = realpathSync.native(path)
  const name = createHash('sha256').update(JSON.stringify([FORM, real, stampOf(real)])).digest('hex').slice(0, 40)
  return { base: join(folder, name) }
}

/** The tokenizer that is kept there, if there is one. */
export async function openKeptTokenizer(place: KeptPlace, { Tokenizer, BPE, AddedToken }: NativeTokenizers): Promise<KeptTokenizer | undefined> {
  if (BPE === undefined || AddedToken === undefined) return undefined
  const files = filesOf(place)
  try {
    const { json, vocabulary, merges } = JSON.parse(readFileSync(files.description, 'utf8')) as Description
    if (!isKeepable(json) || stampOf(files.vocabulary) !== vocabulary || stampOf(files.merges) !== merges) return undefined
    const { model, added_tokens: added = [] } = json
    const native = Tokenizer.fromString(JSON.stringify({ ...json, added_tokens: [] }))
    native.setModel(
      await BPE.fromFile(files.vocabulary, files.merges, {
        ...(model.unk_token != null && { unkToken: model.unk_token }),
        ...(model.continuing_subword_prefix != null && { continuingSubwordPrefix: model.continuing_subword_prefix }),
        ...(model.end_of_word_suffix != null && { endOfWordSuffix: model.end_of_word_suffix }),
        ...(model.fuse_unk != null && { fuseUnk: model.fuse_unk }),
        ...(model.byte_fallback != null && { byteFallback: model.byte_fallback }),
      }),
    )
    // After the model: a token that it has keeps its id, and the others are numbered behind its own.
    native.addAddedTokens(added.map((token) => new AddedToken(token.content, token.special, { singleWord: token.single_word, leftStrip: token.lstrip, rightStrip: token.rstrip, normalized: token.normalized })))
    const now = new Date()
    utimes(files.description, now, now).catch(() => undefined)
    return { json, native }
  } catch {
    return undefined // what it was made of is read instead
  }
}

/**
 * Keeps what was read of a tokenizer.json, where it is of the kind and worth it. What cannot be kept is not.
 * @returns Whether it is.
 */
export async function keepTokenizer(place: KeptPlace, text: string, { json, spans }: SkimmedTokenizer, worthwhile = WORTHWHILE): Promise<boolean> {
  const folder = dirname(place.base)
  if (spans === undefined || text.length < worthwhile || !isKeepable(json) || !(await isWritable(folder))) return false
  const merges = mergesFile(mergesIn(text, spans.merges))
  if (merges === undefined) return false
  await turn()
  const vocabulary = sortedVocabulary(text.slice(spans.vocab.begin, spans.vocab.end))
  await turn()
  const files = filesOf(place)
  try {
    await writeWhole(files.vocabulary, vocabulary)
    await writeWhole(files.merges, merges)
    const description: Description = { json, vocabulary: stampOf(files.vocabulary), merges: stampOf(files.merges) }
    await writeWhole(files.description, JSON.stringify(description))
    await thinOut(folder)
    return true
  } catch {
    return false // read anew at each start, as before
  }
}

interface AddedTokenJson {
  readonly content: string
  readonly special: boolean
  readonly single_word: boolean
  readonly lstrip: boolean
  readonly rstrip: boolean
  readonly normalized: boolean
}

interface KeepableJson {
  readonly added_tokens?: readonly AddedTokenJson[]
  readonly model: { readonly unk_token?: string | null; readonly continuing_subword_prefix?: string | null; readonly end_of_word_suffix?: string | null; readonly fuse_unk?: boolean | null; readonly byte_fallback?: boolean | null }
}

/** Whether the model has nothing but what it can be given when it is read from files. The types are as native code found them. */
function isKeepable(json: unknown): json is KeepableJson {
  if (!isRecord(json) || !isRecord(json.model)) return false
  const { ignore_merges: ignoreMerges, dropout } = json.model
  return ignoreMerges !== true && dropout == null
}

/** A merge a line, its parts parted by a space; `undefined` where a part could not be told from that, or from the line of the version. */
function mergesFile(merges: readonly (readonly string[])[]): string | undefined {
  const lines = merges.map((parts) => parts.join(' '))
  const areLines = merges.every((parts, at) => parts.length === 2 && !parts.some((part) => /[ \r\n]/.test(part)) && !lines[at]!.startsWith('#version'))
  return areLines ? lines.join('\n') : undefined
}

function sortedVocabulary(written: string): string {
  const vocabulary = JSON.parse(written) as Readonly<Record<string, number>>
  return `{${Object.keys(vocabulary).toSorted().map((token) => `${JSON.stringify(token)}:${vocabulary[token]}`).join()}}`
}

/** Before a quarter of a second is spent on what cannot be written. */
async function isWritable(folder: string): Promise<boolean> {
  try {
    await mkdir(folder, { recursive: true })
    await access(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** Removes those that were not read for longest, and what belongs to none. */
async function thinOut(folder: string, now = Date.now()): Promise<void> {
  const names = (await readdir(folder)).filter((name) => /^[0-9a-f]{40}\./.test(name)) // the folder may be one that somebody has other files in
  const looked = await Promise.all(names.map(async (name) => ({ name, of: name.slice(0, name.indexOf('.')), time: (await stat(join(folder, name)).catch(() => undefined))?.mtimeMs ?? now })))
  const isDescription = ({ name, of }: { readonly name: string; readonly of: string }) => name === `${of}.json`
  const kept = new Set(looked.filter(isDescription).toSorted((a, b) => b.time - a.time).slice(0, MOST).map(({ of }) => of))
  for (const each of looked) if (!kept.has(each.of) && (isDescription(each) || now - each.time > ABANDONED)) await rm(join(folder, each.name), { force: true })
}
