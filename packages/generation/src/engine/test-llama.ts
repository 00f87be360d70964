import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { onnx } from '@tenon/backend-onnx'
import { openFolder } from '@tenon/checkpoint'
import type { Checkpoint, Pass, Tokenizer } from '@tenon/core'
import { llama } from '@tenon/models/llama'
import { onTestFinished } from 'vitest'
import { createDecoder, type DecoderParts } from './create-decoder.js'

const VOCABULARY = 96

const fixture = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url))

export const readFixture = async <T>(path: string): Promise<T> => JSON.parse(await readFile(fixture(path), 'utf8')) as T

/** Its checkpoints have none. */
export const tokenizer = {
  vocabularySize: VOCABULARY,
  join: (tokens: readonly string[]) => tokens.join(''),
  tokenOf: (id: number) => (id < VOCABULARY ? String.fromCodePoint(0x4e00 + id) : undefined),
  idOf: (token: string) => token.codePointAt(0)! - 0x4e00,
  special: {},
  addedTokens: [],
  subwordPrefix: undefined,
  paddingSide: 'right',
  maxLength: undefined,
} as unknown as Tokenizer

/**
 * The tiny llama of the models' fixtures on ONNX Runtime.
 * @param pass What becomes of its graph before.
 * @param config What its config says otherwise.
 * @param forPrompts What becomes of a second graph that reads prompts; without it the same reads them.
 */
export async function openLlama(pass: Pass = { name: 'none', apply: (graph) => graph }, config: Readonly<Record<string, unknown>> = {}, forPrompts?: Pass) {
  const opened = await openFolder(fixture('models/fixtures/llama/base'))
  const checkpoint: Checkpoint = { ...opened, config: { ...opened.config, ...config }, json: (file) => opened.json(file), path: (file) => opened.path(file), [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() }
  const built = await llama().build(checkpoint, { head: 'causal-lm' })
  const decoder = pass.apply(built['decoder']!)
  const backend = onnx()
  const executable = await backend.compile(decoder, {}, { emit: () => undefined })
  const prefill = forPrompts === undefined ? executable : await backend.compile(forPrompts.apply(built['decoder']!), {}, { emit: () => undefined })
  const dispose = async () => {
    for (const each of new Set([executable, prefill])) await each[Symbol.asyncDispose]()
    await checkpoint[Symbol.asyncDispose]()
    await backend.dispose?.()
  }
  const decode = (parts: Partial<DecoderParts> = {}) => {
    const made = createDecoder({ decoder: executable, prefill, checkpoint, tokenizer, contextLength: 128, vocabularySize: VOCABULARY, endTokens: [2], cacheBytes: 2 ** 26, slots: 8, chunkTokens: 512, emit: () => undefined, ...parts })
    onTestFinished(() => made.dispose())
    return made
  }
  return { checkpoint, decoder, backend, executable, decode, dispose }
}
