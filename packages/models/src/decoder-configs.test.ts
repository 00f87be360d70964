import type { Checkpoint, TenonError } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { decoders } from './index.js'
import { altered, fixturesOf, folderOf, hollow, open, renamed } from './test-support.js'

const opened = async (name: string): Promise<Checkpoint> => {
  const [family, fixture] = name.split('/') as [string, string]
  return open(await folderOf(fixturesOf(family)(fixture, 'causal-lm')))
}

const build = (checkpoint: Checkpoint) => decoders().find(({ name }) => name === checkpoint.config.model_type)!.build(checkpoint, { head: 'causal-lm' })
const maxLength = (checkpoint: Checkpoint) => decoders().find(({ name }) => name === checkpoint.config.model_type)!.maxLength!(checkpoint)
const failure = (work: Promise<unknown>): Promise<TenonError> => work.then(() => expect.unreachable('it was built'), (thrown: TenonError) => thrown)

describe('the config of a decoder', () => {
  it.each<[string, string, Readonly<Record<string, unknown>>, string, string]>([
    ['heads that do not share the hidden size', 'qwen2/base', { num_attention_heads: 3 }, 'TENON_SHAPE_MISMATCH', 'a hidden size that 3 heads share'],
    ['heads that do not share the hidden size of GPT-2', 'gpt2/base', { n_head: 5 }, 'TENON_SHAPE_MISMATCH', 'a hidden size that 5 heads share'],
    ['heads of an odd size', 'llama/base', { head_dim: 5 }, 'TENON_SHAPE_MISMATCH', 'an even size'],
    ['heads wider than any', 'llama/base', { head_dim: 1e9 }, 'TENON_INVALID_FILE', "gives 1000000000 'head_dim'"],
    ['heads of StarCoder2 wider than any', 'starcoder2/base', { head_dim: 1e9 }, 'TENON_INVALID_FILE', "gives 1000000000 'head_dim'"],
    ['an unknown scaling', 'llama/base', { rope_parameters: { rope_type: 'longrope', short_factor: [1, 1], long_factor: [2, 2] } }, 'TENON_INVALID_FILE', 'turns positions by the type "longrope"'],
    ['an unknown activation', 'mistral/base', { hidden_act: 'maxout' }, 'TENON_INVALID_FILE', "names the activation 'maxout'"],
    ['experts with another activation', 'qwen2_moe/base', { hidden_act: 'gelu' }, 'TENON_INVALID_FILE', `sets 'hidden_act' to "gelu"`],
    ['no layers', 'starcoder2/base', { num_hidden_layers: 0 }, 'TENON_INVALID_FILE', "gives 0 'num_hidden_layers'"],
    ['more layers than any model has', 'llama/base', { num_hidden_layers: 2 ** 31 - 1 }, 'TENON_INVALID_FILE', "gives 2147483647 'num_hidden_layers'"],
    ['more layers than any model has, of windows', 'mistral/base', { num_hidden_layers: 2 ** 31 - 1 }, 'TENON_INVALID_FILE', "gives 2147483647 'num_hidden_layers'"],
    ['more layers than any GPT-2 has', 'gpt2/base', { n_layer: 2 ** 31 - 1 }, 'TENON_INVALID_FILE', "gives 2147483647 'n_layer'"],
    ['a window of nothing', 'mistral/base', { sliding_window: 0 }, 'TENON_INVALID_FILE', "gives 0 'sliding_window'"],
    ['layers of an unknown type', 'qwen2/window', { layer_types: ['full_attention', 'linear_attention'] }, 'TENON_INVALID_FILE', "List 'full_attention' or 'sliding_attention' for each of the 2 layers"],
    ['the types of other layers', 'qwen3/window', { layer_types: ['full_attention'] }, 'TENON_INVALID_FILE', 'for each of the 2 layers'],
    ['a window that no layer may have', 'qwen2/base', { layer_types: ['full_attention', 'sliding_attention'] }, 'TENON_INVALID_FILE', 'or set use_sliding_window and sliding_window'],
    ['more experts for each token than there are', 'qwen2_moe/base', { num_experts_per_tok: 6 }, 'TENON_INVALID_FILE', 'sends tokens through 6 of 5 experts'],
    ['dense layers that are no list', 'qwen2_moe/base', { mlp_only_layers: 1 }, 'TENON_INVALID_FILE', "gives 'mlp_only_layers' as 1"],
    ['cross-attention', 'gpt2/base', { add_cross_attention: true }, 'TENON_INVALID_FILE', "sets 'add_cross_attention' to true"],
    ['a bias in quotes', 'starcoder2/base', { use_bias: 'yes' }, 'TENON_INVALID_FILE', `gives 'use_bias' as "yes"`],
  ])('is refused with %s', async (_, fixture, config, code, message) => {
    const error = await failure(build(altered(await opened(fixture), config)))
    expect(error).toMatchObject({ code, message: expect.stringContaining(message) })
  })

  it('is refused with heads that their keys do not share', async () => {
    // Weights of the size that the config says, so that it is the heads which are wrong.
    const checkpoint = altered(await opened('llama/base'), { num_key_value_heads: 3 })
    const wide = new Map(Array.from(checkpoint.constants, ([name, constant]) => [name, /[kv]_proj/.test(name) ? hollow('float32', [48, 32]) : constant]))
    expect(await failure(build(altered(checkpoint, {}, wide)))).toMatchObject({ code: 'TENON_SHAPE_MISMATCH', message: expect.stringContaining('heads that 3 keys share') })
  })

  it.each([
    ['llama/base', 128],
    ['llama/dynamic', 128],
    ['llama/yarn', 128],
    ['gpt2/base', 128],
  ])('tells how long a text may be: %s', async (fixture, length) => {
    expect(maxLength(await opened(fixture))).toBe(length)
  })

  it('takes a window that is left out of a Mistral for that of the first release, and one of null for none', async () => {
    const checkpoint = await opened('mistral/base')
    const { sliding_window: _, ...rest } = checkpoint.config
    const windows = async (each: Checkpoint) => {
      const { decoder } = await build(each)
      return decoder!.nodes.filter(({ op }) => op.endsWith('GroupQueryAttention')).map(({ attributes }) => (attributes as { readonly local_window_size: number }).local_window_size)
    }
    expect(await windows({ ...checkpoint, config: rest as Checkpoint['config'] })).toEqual([4096, 4096])
    expect(await windows(altered(checkpoint, { sliding_window: null }))).toEqual([-1, -1])
    expect(await windows(checkpoint)).toEqual([6, 6])
  })
})

describe('the weights of a decoder', () => {
  it.each([
    ['a head, where it is not the word embedding', 'llama/base', { tie_word_embeddings: false }, 'lm_head.weight'],
    ['biases that the config promises', 'llama/base', { attention_bias: true }, 'model.layers.0.self_attn.q_proj.bias'],
    ['experts', 'qwen2_moe/base', { num_experts: 6 }, 'model.layers.0.mlp.gate.weight'],
    ['an expert of the size that the config says', 'qwen2_moe/base', { moe_intermediate_size: 13 }, 'model.layers.0.mlp.experts.0.gate_proj.weight'],
    ['experts in one tensor of the size that the config says', 'qwen2_moe/fused', { moe_intermediate_size: 13 }, 'model.layers.0.mlp.experts.gate_up_proj'],
    ['positions', 'gpt2/base', { n_positions: 64 }, 'transformer.wpe.weight'],
  ])('are refused without %s', async (_, fixture, config, tensor) => {
    expect(await failure(build(altered(await opened(fixture), config)))).toMatchObject({ code: 'TENON_WEIGHT_MISMATCH', tensor })
  })

  it('are taken from a head of its own where a checkpoint that ties it holds one, as transformers does', async () => {
    const { model } = await build(altered(await opened('llama/untied'), { tie_word_embeddings: true }))
    expect([...model!.constants.keys()]).toContain('lm_head.weight')
  })

  it('have no prefix in the first checkpoints of GPT-2', async () => {
    const checkpoint = await opened('gpt2/base')
    const { decoder } = await build(renamed(checkpoint, (name) => name.replace(/^transformer\./, '')))
    expect([...decoder!.constants.keys()]).toContain('transformer.h.1.mlp.c_fc.weight')
  })
})
