import type { Checkpoint } from '@tenon/core'

/** What a model needs beside its config and weights, and the terms it comes under. */
const travelling = [
  // tokenizers
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.txt',
  'vocab.json',
  'merges.txt',
  'bpe.codes',
  'spiece.model',
  'spm.model',
  'sentencepiece.bpe.model',
  'tokenizer.model',
  'chat_template.jinja',
  // settings
  'generation_config.json',
  'preprocessor_config.json',
  // sentence-transformers
  'modules.json',
  'config_sentence_transformers.json',
] as const

const patterns = [/^sentence_[a-z]+_config\.json$/, /^(LICEN[CS]E|NOTICE)(\.[a-z]+)?$/i]

/** What a module of sentence-transformers is made of; its pickled weights are never touched. */
const inModule = ['config.json', 'model.safetensors']

/** The files of a checkpoint that an export takes along unchanged. */
export async function travellingFiles(checkpoint: Checkpoint): Promise<readonly string[]> {
  const folders = await moduleFolders(checkpoint)
  const wanted = new Set<string>([...travelling, ...folders.flatMap((folder) => inModule.map((file) => `${folder}/${file}`))])
  return checkpoint.files.filter((file) => wanted.has(file) || patterns.some((pattern) => pattern.test(file)))
}

/** `1_Pooling` and its like, of a sentence-transformers model; its first module is the transformer itself, in no folder. */
async function moduleFolders(checkpoint: Checkpoint): Promise<readonly string[]> {
  const modules = await checkpoint.json('modules.json')
  if (!Array.isArray(modules)) return []
  return modules.map((module: { readonly path?: unknown } | null) => module?.path).filter((path): path is string => typeof path === 'string' && path !== '')
}
