import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { decoders } from './index.js'
import { backend, wrongCases } from './test-conformance.js'
import { altered, fixturesOf, open } from './test-support.js'

/** Each with what its metadata does not say. */
const files = [
  ['llama', 'llama', 'untied', {}],
  ['llama-biases', 'llama', 'biases', { hidden_act: 'gelu_pytorch_tanh' }],
  ['llama3', 'llama', 'llama3', {}],
  ['llama-yarn', 'llama', 'yarn', {}],
  ['mistral', 'mistral', 'base', {}],
  ['qwen2', 'qwen2', 'base', {}],
  ['qwen3', 'qwen3', 'base', {}],
  ['qwen2moe', 'qwen2_moe', 'base', {}],
  ['starcoder2', 'starcoder2', 'base', { sliding_window: 6 }],
  ['gpt2', 'gpt2', 'base', {}],
] as const

describe('a GGUF file', () => {
  afterAll(() => backend.dispose?.())

  it.each(files)('of %s gives the logits that PyTorch computes from the checkpoint that it was made from', async (file, name, folder, more) => {
    const checkpoint = altered(await open(fileURLToPath(new URL(`../../checkpoint/fixtures/gguf/${file}.gguf`, import.meta.url))), more)
    const family = decoders().find((each) => each.name === checkpoint.config.model_type)!
    expect(family.name).toBe(name)
    const { model } = await family.build(checkpoint, { head: 'causal-lm' })
    expect(await wrongCases(model!, fixturesOf(name)(folder, 'causal-lm'))).toEqual([])
  })
})
