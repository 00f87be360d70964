import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

/** A tensor as the fixtures write it. */
export interface Written {
  readonly shape: readonly number[]
  readonly data: readonly number[]
}

interface Expected {
  /** Later files add to the earlier ones. */
  readonly weights: string | readonly string[]
  readonly inputs: string
  readonly cases: Readonly<Record<string, Readonly<Record<string, Written>>>>
}

const root = fileURLToPath(new URL('../../fixtures/', import.meta.url))

/** Fixtures that are a family's head and nothing special otherwise. */
const plain = ['base', 'masked-lm', 'next-sentence-prediction', 'pre-training', 'pretraining', 'sequence-classification', 'token-classification', 'question-answering', 'multiple-choice']

const json = async <T>(...path: string[]): Promise<T> => JSON.parse(await readFile(join(...path), 'utf8')) as T
const exists = async (...path: string[]) => (await readdir(join(...path, '..'))).includes(basename(join(...path)))

/** The fixtures of families that are here, `'bert/masked-lm'`. */
export async function plainFixtures(families: readonly string[]): Promise<readonly string[]> {
  const names: string[] = []
  for (const family of families) {
    if (!(await exists(root, family))) continue
    for (const name of await readdir(join(root, family))) if (plain.includes(name) && (await exists(root, family, name, 'expected.json'))) names.push(`${family}/${name}`)
  }
  return names
}

/** A fresh folder, removed when the test ends. */
export async function temporaryFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'tenon-export-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  return path
}

/** A fixture as a checkpoint's folder, with a tokenizer of as many words as the model knows. Weights from several files become shards. */
export async function folderOf(fixture: string): Promise<string> {
  const from = join(root, fixture)
  const folder = await temporaryFolder()
  const { weights } = await json<Expected>(from, 'expected.json')
  const files = [weights].flat().map((file) => join(from, file))
  if (files.length === 1) await cp(files[0]!, join(folder, 'model.safetensors'))
  else {
    const map: Record<string, string> = {}
    for (const [index, file] of files.entries()) {
      const shard = `model-${index + 1}.safetensors`
      await cp(file, join(folder, shard))
      for (const name of await tensorsIn(file)) map[name] = shard
    }
    await writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: map }))
  }
  await cp(join(from, 'config.json'), join(folder, 'config.json'))
  const { vocab_size: size } = await json<{ vocab_size: number }>(from, 'config.json')
  for (const [name, content] of Object.entries(tinyTokenizer(size))) await writeFile(join(folder, name), JSON.stringify(content))
  return folder
}

/** The names in a safetensors header: its length in 8 bytes, then JSON. */
async function tensorsIn(file: string): Promise<string[]> {
  const bytes = await readFile(file)
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + Number(bytes.readBigUInt64LE()))) as object
  return Object.keys(header).filter((name) => name !== '__metadata__')
}

/** One input, by the names of the fixtures, and what PyTorch makes of it. */
export interface Case {
  readonly name: string
  readonly inputs: Readonly<Record<string, Written>>
  readonly outputs: Readonly<Record<string, Written>>
}

export async function casesOf(fixture: string): Promise<readonly Case[]> {
  const { inputs, cases } = await json<Expected>(root, fixture, 'expected.json')
  const written = await json<Record<string, Record<string, Written>>>(root, fixture, inputs)
  return Object.entries(cases).map(([name, outputs]) => ({ name, inputs: written[name]!, outputs }))
}

/** The largest difference of any number; infinite where shapes differ. */
export function apart(actual: Written, expected: Written): number {
  if (actual.shape.join() !== expected.shape.join() || actual.data.length !== expected.data.length) return Infinity
  return expected.data.reduce((worst, value, index) => Math.max(worst, Number.isFinite(actual.data[index]) ? Math.abs(value - actual.data[index]!) : Infinity), 0)
}

/** BERT's way of splitting, over letters, their continuations, and a few words. */
function tinyTokenizer(size: number) {
  const special = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']
  const letters = Array.from({ length: 26 }, (_, index) => String.fromCodePoint(97 + index))
  const words = ['the', 'oak', 'tenon', 'fits', 'mortise', 'a', 'who', 'cuts', 'joint', '.', '?', ',']
  const tokens = [...new Set([...special, ...letters, ...letters.map((letter) => `##${letter}`), ...words])].slice(0, size)
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]))
  const at = (id: string, type: number) => ({ Sequence: { id, type_id: type } })
  const token = (id: string, type: number) => ({ SpecialToken: { id, type_id: type } })
  return {
    'tokenizer.json': {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: special.map((content, id) => ({ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true })),
      normalizer: { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: true },
      pre_tokenizer: { type: 'BertPreTokenizer' },
      post_processor: {
        type: 'TemplateProcessing',
        single: [token('[CLS]', 0), at('A', 0), token('[SEP]', 0)],
        pair: [token('[CLS]', 0), at('A', 0), token('[SEP]', 0), at('B', 1), token('[SEP]', 1)],
        special_tokens: Object.fromEntries(['[CLS]', '[SEP]'].map((each) => [each, { id: each, ids: [vocab[each]], tokens: [each] }])),
      },
      decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
      model: { type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: '##', max_input_chars_per_word: 100, vocab },
    },
    'tokenizer_config.json': { tokenizer_class: 'BertTokenizer', do_lower_case: true, unk_token: '[UNK]', sep_token: '[SEP]', pad_token: '[PAD]', cls_token: '[CLS]', mask_token: '[MASK]', model_max_length: 40 },
  }
}
