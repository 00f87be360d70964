import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { onnx } from '@tenon/backend-onnx'
import { openFolder } from '@tenon/checkpoint'
import type { Pass, Tokenizer } from '@tenon/core'
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

/** The tiny llama of the models' fixtures on ONNX Runtime. @param pass What becomes of its graph before. */
export async function openLlama(pass: Pass = { name: 'none', apply: (graph) => graph }) {
  const checkpoint = await openFolder(fixture('models/fixtures/llama/base'))
  const built = await llama().build(checkpoint, { head: 'causal-lm' })
  const decoder = pass.apply(built['decoder']!)
  const backend = onnx()
  const executable = await backend.compile(decoder, {}, { emit: () => undefined })
  const dispose = async () => {
    await executable[Symbol.asyncDispose]()
    await checkpoint[Symbol.asyncDispose]()
    await backend.dispose?.()
  }
  const decode = (parts: Partial<DecoderParts> = {}) => {
    const made = createDecoder({ decoder: executable, prefill: executable, checkpoint, tokenizer, contextLength: 128, vocabularySize: VOCABULARY, endTokens: [2], cacheBytes: 2 ** 26, slots: 8, chunkTokens: 512, emit: () => undefined, ...parts })
    onTestFinished(() => made.dispose())
    return made
  }
  return { checkpoint, decoder, backend, executable, decode, dispose }
}
