import { InvalidFileError, ShapeMismatchError, type Checkpoint, type Graph } from '@tenon/core'
import { verify } from '@tenon/graph'
import { describe, expect, it } from 'vitest'
import { modernbert } from './modernbert.js'
import { awayAlone, backend, describeFamily } from './test-conformance.js'
import { altered, apart, casesOf, compile, fixturesOf, folderOf, open, run, tolerance } from './test-support.js'

const family = modernbert()
const of = fixturesOf('modernbert')

describeFamily(family, [
  of('base'),
  of('masked-lm', 'masked-lm'),
  of('masked-lm-no-bias', 'masked-lm'),
  of('sequence-classification', 'sequence-classification'),
  of('sequence-classification-mean', 'sequence-classification'),
  of('token-classification', 'token-classification'),
  of('question-answering', 'question-answering'),
  of('multiple-choice', 'multiple-choice'),
  of('multiple-choice-mean', 'multiple-choice'),
  of('biases'),
  of('local-first'),
  of('odd-window'),
  of('defaults'),
  of('first-config'),
  of('no-config'),
])

const opened = async (name: string): Promise<Checkpoint> => open(await folderOf(of(name)))
const build = async (checkpoint: Checkpoint, head = 'base'): Promise<Graph> => verify((await family.build(checkpoint, { head }))['model']!)
const built = async (name: string, head = 'base') => build(await opened(name), head)

describe('the graph of a ModernBERT', () => {
  it('has no segments', async () => {
    expect((await built('base')).inputs.map(({ name }) => name)).toEqual(['input_ids', 'attention_mask'])
  })

  it.each([
    ['base', 'base', [['last_hidden_state', ['batch', 'sequence', 32]]]],
    ['masked-lm', 'masked-lm', [['logits', ['batch', 'sequence', 99]]]],
    ['sequence-classification', 'sequence-classification', [['logits', ['batch', 3]]]],
    ['sequence-classification-mean', 'sequence-classification', [['logits', ['batch', 3]]]],
    ['token-classification', 'token-classification', [['logits', ['batch', 'sequence', 5]]]],
    ['question-answering', 'question-answering', [['start_logits', ['batch', 'sequence']], ['end_logits', ['batch', 'sequence']]]],
    ['multiple-choice', 'multiple-choice', [['logits', ['batch', 'choices']]]],
  ] as const)('tells the shapes of its outputs before anything runs: %s', async (name, head, outputs) => {
    expect((await built(name, head)).outputs).toEqual(outputs.map(([output, shape]) => ({ name: output, dtype: 'float32', shape })))
  })

  it('computes angles once for each kind of layer, and the window once', async () => {
    const { nodes } = await built('local-first')
    expect(nodes.filter(({ op }) => op === 'Cos')).toHaveLength(2)
    expect(nodes.filter(({ op }) => op === 'Where')).toHaveLength(1)
    expect(nodes.filter(({ op }) => op === 'com.microsoft::RotaryEmbedding')).toHaveLength(6)
  })

  it('has no window where every layer sees everything', async () => {
    const { nodes } = await build(altered(await opened('base'), { layer_types: Array.from({ length: 3 }, () => 'full_attention') }))
    expect(nodes.filter(({ op }) => op === 'Where')).toHaveLength(0)
  })

  it('gives a text the same states alone and in a padded batch', async () => {
    expect(await awayAlone(await built('base'), of('base'))).toBeLessThan(tolerance.float32)
  })

  it('limits the length to its positions', async () => {
    expect(family.maxLength!(await opened('base'))).toBe(40)
  })
})

describe('a config of ModernBERT', () => {
  /** What the base makes of its longest text under another config. */
  async function states(config: Readonly<Record<string, unknown>>) {
    const { feeds } = (await casesOf(of('base'))).find(({ name }) => name === 'longest')!
    return run(await compile(backend, await build(altered(await opened('first-config'), config))), feeds)
  }

  it('turns local layers as global ones where the first releases left the local theta out', async () => {
    const [none, same, other] = [await states({ local_rope_theta: null }), await states({ local_rope_theta: 1000 }), await states({})]
    expect(apart(none, same)).toBe(0)
    expect(apart(none, other)).toBeGreaterThan(tolerance.float32)
  })

  it.each([
    ['layer_types', ['full_attention'], 'for each of the 3 layers'],
    ['layer_types', ['full_attention', 'chunked_attention', 'full_attention'], "List 'full_attention' or 'sliding_attention'"],
    ['layer_types', 'full_attention', "gives 'layer_types' as \"full_attention\""],
    ['rope_parameters', { full_attention: { rope_type: 'yarn', rope_theta: 1000, factor: 4 } }, "Only the rope_type 'default'"],
    ['rope_parameters', { sliding_attention: { rope_theta: '10000' } }, 'with a number as rope_theta'],
    ['rope_parameters', { rope_theta: 1000 }, "has 'rope_theta' among its 'rope_parameters'"],
    ['num_hidden_layers', 2 ** 31 - 1, "gives 2147483647 'num_hidden_layers'"],
    ['global_attn_every_n_layers', 0, "gives 0 'global_attn_every_n_layers'"],
    ['rope_scaling', { type: 'linear', factor: 2 }, 'turns positions by {"type":"linear","factor":2}'],
    ['global_rope_theta', 'large', "gives 'global_rope_theta' as \"large\""],
  ])('is refused where %s is %j', async (key, value, message) => {
    const error = await build(altered(await opened(key === 'global_attn_every_n_layers' ? 'first-config' : 'base'), { [key]: value })).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InvalidFileError)
    expect(error).toMatchObject({ message: expect.stringContaining(message) })
  })

  it.each([5, 32])('is refused where %i heads cannot share the hidden size in pairs', async (heads) => {
    await expect(build(altered(await opened('base'), { num_attention_heads: heads }))).rejects.toThrow(ShapeMismatchError)
  })

  it('is refused where it pools in a way that no ModernBERT does', async () => {
    await expect(build(altered(await opened('sequence-classification'), { classifier_pooling: 'max' }), 'sequence-classification')).rejects.toThrow("sets 'classifier_pooling' to 'max'. Set it to 'cls' or 'mean'")
  })

  it.each([
    ['norm_bias', 'model.embeddings.norm.bias'],
    ['attention_bias', 'model.layers.0.attn.Wqkv.bias'],
    ['mlp_bias', 'model.layers.0.mlp.Wi.bias'],
  ])('is refused where it promises a %s that the weights do not hold', async (key, tensor) => {
    await expect(build(altered(await opened('masked-lm'), { [key]: true }))).rejects.toMatchObject({ code: 'TENON_WEIGHT_MISMATCH', tensor })
  })
})
