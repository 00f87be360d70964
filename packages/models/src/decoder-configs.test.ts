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
    ['a window that no layer of a Mistral has', 'mistral/interleaved', { sliding_window: null }, 'TENON_INVALID_FILE', 'or set sliding_window'],
    ['layers of an unknown type of a Mistral', 'mistral/base', { layer_types: ['full_attention', 'chunked_attention'] }, 'TENON_INVALID_FILE', "List 'full_attention' or 'sliding_attention' for each of the 2 layers"],
    ['tokens that see what follows them', 'qwen2/base', { is_causal: false }, 'TENON_INVALID_FILE', "sets 'is_causal' to false"],
    ['tokens that see what follows them, in a GPT-2', 'gpt2/base', { is_causal: false }, 'TENON_INVALID_FILE', "sets 'is_causal' to false"],
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

  it.each([
    ['of GPTQ and its like', { quantization_config: { quant_method: 'gptq', bits: 4 } }, 'qweight', [4, 64]],
    ['of MLX', { quantization: { group_size: 64, bits: 4 } }, 'weight', [64, 4]],
  ])('are told to be quantised where they are those %s, which are not read', async (_, config, name, shape) => {
    const checkpoint = await opened('llama/base')
    const packed = new Map(Array.from(checkpoint.constants, ([path, constant]) => (path.endsWith('proj.weight') ? [path.replace(/weight$/, name), hollow('uint32', shape)] : [path, constant])))
    expect(await failure(build(altered(checkpoint, config, packed)))).toMatchObject({ code: 'TENON_INVALID_FILE', message: expect.stringContaining("is quantised, by its config, and holds no 'model.layers.0.self_attn.q_proj.weight' of shape [64, 32]. Take the checkpoint from before its quantisation") })
  })

  it('are read where a config says that they are quantised, and they are not', async () => {
    expect(await build(altered(await opened('llama/base'), { quantization_config: { quant_method: 'bitsandbytes' } }))).toHaveProperty('decoder')
  })

  it('are taken from a head of its own where a checkpoint that ties it holds one, as transformers does', async () => {
    const { model } = await build(altered(await opened('llama/untied'), { tie_word_embeddings: true }))
    expect([...model!.constants.keys()]).toContain('lm_head.weight')
  })

  it.each([
    ['gpt2/base', 'transformer.wte.weight'],
    ['qwen3/base', 'model.embed_tokens.weight'],
    ['starcoder2/base', 'model.embed_tokens.weight'],
  ])('are one where the word embedding is tied, and it was saved under the name of the head: %s', async (fixture, embedding) => {
    const checkpoint = await opened(fixture)
    const headed = renamed(checkpoint, (name) => (name === embedding ? 'lm_head.weight' : name))
    const [model, usual] = [(await build(headed)).model!, (await build(checkpoint)).model!]
    expect([...model.constants.keys()]).toEqual([...usual.constants.keys()].map((name) => (name === embedding ? 'lm_head.weight' : name)))
    expect(model.nodes.filter(({ inputs }) => inputs.includes('lm_head.weight')).map(({ op }) => op)).toEqual(['Gather', 'Gemm'])
    expect(await failure(build(altered(headed, { tie_word_embeddings: false })))).toMatchObject({ code: 'TENON_WEIGHT_MISMATCH', tensor: embedding })
  })

  it.each([
    ['gpt2/base', 'transformer.h.1.mlp.c_fc.weight'],
    ['llama/base', 'model.layers.1.mlp.down_proj.weight'],
    ['mistral/base', 'model.layers.1.mlp.down_proj.weight'],
    ['qwen2/base', 'model.layers.1.self_attn.q_proj.bias'],
    ['qwen2_moe/fused', 'model.layers.1.mlp.experts.gate_up_proj.1'],
    ['qwen3/base', 'model.layers.1.self_attn.q_norm.weight'],
    ['starcoder2/base', 'model.layers.1.mlp.c_fc.bias'],
  ])('have no prefix where the model was saved without a head: %s', async (fixture, name) => {
    const checkpoint = await opened(fixture)
    const partsOf = async (each: Checkpoint) => {
      const { nodes, constants } = (await build(each)).model!
      return { nodes, names: [...constants.keys()] }
    }
    const bare = await partsOf(renamed(checkpoint, (each) => each.replace(/^(transformer|model)\./, '')))
    expect(bare.names).toContain(name)
    expect(bare).toEqual(await partsOf(checkpoint))
  })
})
