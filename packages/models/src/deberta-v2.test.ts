import { BackendError, InvalidFileError, ShapeMismatchError, type Checkpoint, type Graph } from '@tenon/core'
import { verify } from '@tenon/graph'
import { describe, expect, it } from 'vitest'
import { debertaV2 } from './deberta-v2.js'
import { awayAlone, backend, describeFamily } from './test-conformance.js'
import { altered, casesOf, compile, fixturesOf, folderOf, open, run, tolerance } from './test-support.js'

const family = debertaV2()
const of = fixturesOf('deberta-v2')

describeFamily(family, [
  of('base'),
  of('masked-lm', 'masked-lm'),
  of('legacy-masked-lm', 'masked-lm'),
  of('sequence-classification', 'sequence-classification'),
  of('token-classification', 'token-classification'),
  of('question-answering', 'question-answering'),
  of('multiple-choice', 'multiple-choice'),
  of('unbucketed'),
  of('own-projections'),
  of('own-projections-unbucketed'),
  of('content-to-position'),
  of('position-to-content'),
  of('neither'),
  of('unnormed'),
  of('absolute'),
  of('convolution'),
  of('grouped-convolution'),
  of('narrow-embeddings'),
  of('segments'),
])

const opened = async (name: string): Promise<Checkpoint> => open(await folderOf(of(name)))
const build = async (checkpoint: Checkpoint, head = 'base'): Promise<Graph> => verify((await family.build(checkpoint, { head }))['model']!)
const built = async (name: string, head = 'base') => build(await opened(name), head)

describe('the graph of a DeBERTa', () => {
  it('asks for segments only where the checkpoint tells them apart', async () => {
    expect((await built('base')).inputs.map(({ name }) => name)).toEqual(['input_ids', 'attention_mask'])
    expect((await built('segments')).inputs.map(({ name }) => name)).toEqual(['input_ids', 'attention_mask', 'token_type_ids'])
  })

  it.each([
    ['base', 'base', [['last_hidden_state', ['batch', 'sequence', 32]]]],
    ['convolution', 'base', [['last_hidden_state', ['batch', 'sequence', 32]]]],
    ['masked-lm', 'masked-lm', [['logits', ['batch', 'sequence', 99]]]],
    ['sequence-classification', 'sequence-classification', [['logits', ['batch', 3]]]],
    ['token-classification', 'token-classification', [['logits', ['batch', 'sequence', 5]]]],
    ['question-answering', 'question-answering', [['start_logits', ['batch', 'sequence']], ['end_logits', ['batch', 'sequence']]]],
    ['multiple-choice', 'multiple-choice', [['logits', ['batch', 'choices']]]],
  ] as const)('tells the shapes of its outputs before anything runs: %s', async (name, head, outputs) => {
    expect((await built(name, head)).outputs).toEqual(outputs.map(([output, shape]) => ({ name: output, dtype: 'float32', shape })))
  })

  it('looks up the rows of distances once, however many layers there are', async () => {
    const { nodes } = await built('base')
    expect(nodes.filter(({ op }) => op === 'MultiHeadAttention' || op.endsWith('::MultiHeadAttention'))).toHaveLength(2)
    expect(nodes.filter(({ op }) => op === 'Range')).toHaveLength(1)
    expect(nodes.filter(({ op }) => op === 'Clip')).toHaveLength(2)
  })

  it('gives a text the same states alone and in a padded batch', async () => {
    expect(await awayAlone(await built('base'), of('base'))).toBeLessThan(tolerance.float32)
  })

  it('refuses a text that is longer than its positions, where it adds them to words', async () => {
    const { feeds } = (await casesOf(of('segments'))).find(({ name }) => name === 'longest')!
    const longer = Object.fromEntries(Object.entries(feeds).map(([name, feed]) => [name, { ...feed, shape: [1, 25], values: BigInt64Array.of(...(feed.values as BigInt64Array), 1n) }]))
    await expect(run(await compile(backend, await built('segments')), longer)).rejects.toThrow(BackendError)
  })

  it('limits the length only where positions are added to words', async () => {
    expect(family.maxLength!(await opened('base'))).toBeUndefined()
    expect(family.maxLength!(await opened('segments'))).toBe(24)
  })
})

describe('the head of a masked language model', () => {
  it('is the one that the checkpoint holds, where the config does not say', async () => {
    const checkpoint = await opened('masked-lm')
    const graph = await build(altered(checkpoint, { legacy: undefined }), 'masked-lm')
    expect([...graph.constants.keys()].filter((name) => name.endsWith('dense.weight') && !name.includes('layer'))).toEqual(['lm_predictions.lm_head.dense.weight'])
    const old = await opened('legacy-masked-lm')
    const legacy = await build(altered(old, { legacy: undefined }, new Map([...old.constants].filter(([name]) => !name.startsWith('lm_predictions')))), 'masked-lm')
    expect([...legacy.constants.keys()].filter((name) => name.endsWith('dense.weight') && !name.includes('layer'))).toEqual(['cls.predictions.transform.dense.weight'])
  })

  it('is not there where its weights are not', async () => {
    await expect(build(await opened('base'), 'masked-lm')).rejects.toMatchObject({ code: 'TENON_WEIGHT_MISMATCH', tensor: 'cls.predictions.transform.dense.weight' })
  })
})

describe('a config of DeBERTa', () => {
  it.each([
    ['position_buckets', 9, 'deberta.encoder.rel_embeddings.weight'],
    ['share_att_key', false, 'deberta.encoder.layer.0.attention.self.pos_key_proj.weight'],
    ['embedding_size', 16, 'deberta.embeddings.word_embeddings.weight'],
    ['conv_kernel_size', 3, 'deberta.encoder.conv.conv.weight'],
    ['type_vocab_size', 2, 'deberta.embeddings.token_type_embeddings.weight'],
    ['position_biased_input', true, 'deberta.embeddings.position_embeddings.weight'],
  ])('is refused where it disagrees with the weights on %s', async (key, value, tensor) => {
    await expect(build(altered(await opened('base'), { [key]: value }))).rejects.toMatchObject({ code: 'TENON_WEIGHT_MISMATCH', tensor })
  })

  it('is refused where its buckets leave no distance to share them', async () => {
    const error = await build(altered(await opened('base'), { max_relative_positions: 5 })).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InvalidFileError)
    expect(error).toMatchObject({ message: expect.stringContaining('puts 5 positions into 8 buckets') })
  })

  it('is refused where its heads do not share the hidden size', async () => {
    await expect(build(altered(await opened('base'), { num_attention_heads: 5 }))).rejects.toThrow(ShapeMismatchError)
  })

  it('is refused where a convolution would shorten the text', async () => {
    const checkpoint = await opened('convolution')
    const kernel = checkpoint.constants.get('encoder.conv.conv.weight')!
    const even = new Map([...checkpoint.constants, ['encoder.conv.conv.weight', { ...kernel, shape: [32, 32, 2] }] as const])
    await expect(build(altered(checkpoint, { conv_kernel_size: 2 }, even))).rejects.toThrow(ShapeMismatchError)
  })

  it.each([['share_att_key', 'yes'], ['pos_att_type', 3], ['norm_rel_ebd', true], ['max_relative_positions', '24']])('is refused where %s is of another type', async (key, value) => {
    await expect(build(altered(await opened('base'), { [key]: value }))).rejects.toThrow(InvalidFileError)
  })
})
