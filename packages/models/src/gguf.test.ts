import { fileURLToPath } from 'node:url'
import type { Checkpoint } from '@tenon/core'
import { MatMulNBits } from '@tenon/graph/ops'
import { lower } from '@tenon/graph/passes'
import { afterAll, describe, expect, it } from 'vitest'
import { gpt2 } from './gpt2.js'
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

const opened = (file: string): Promise<Checkpoint> => open(fileURLToPath(new URL(`../../checkpoint/fixtures/gguf/${file}.gguf`, import.meta.url)))

describe('a GGUF file', () => {
  afterAll(() => backend.dispose?.())

  it.each(files)('of %s gives the logits that PyTorch computes from the checkpoint that it was made from', async (file, name, folder, more) => {
    const checkpoint = altered(await opened(file), more)
    const family = decoders().find((each) => each.name === checkpoint.config.model_type)!
    expect(family.name).toBe(name)
    const { model } = await family.build(checkpoint, { head: 'causal-lm' })
    expect(await wrongCases(model!, fixturesOf(name)(folder, 'causal-lm'))).toEqual([])
  })

  it('of GPT-2 in blocks is run in them, head and projections, though these are stored the other way round, and they are what PyTorch computes with', async () => {
    const { model } = await gpt2().build(await opened('gpt2-q8_0'), { head: 'causal-lm' })
    const products = model!.nodes.filter(({ op }) => op === MatMulNBits.op)
    expect(products).toHaveLength(2 * 4 + 1)
    expect(model!.nodes.filter(({ op }) => op === 'Gemm')).toEqual([])
    const floats = lower({ name: 'floats', supports: ({ op }) => op !== MatMulNBits.op }) // of which activations are not rounded
    expect(await wrongCases(floats.apply(model!), fixturesOf('gguf')('gpt2-q8_0', 'causal-lm'))).toEqual([])
  })
})
