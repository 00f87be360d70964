import type { Checkpoint, Graph } from '@tenon/core'
import { verify } from '@tenon/graph'
import { describe, expect, it } from 'vitest'
import { distilbert } from './distilbert.js'
import { describeFamily } from './test-conformance.js'
import { altered, fixturesOf, folderOf, legacySpelling, open, renamed, traits } from './test-support.js'

const of = fixturesOf('distilbert')
const family = distilbert()

describeFamily(family, [
  of('base'),
  of('masked-lm', 'masked-lm'),
  of('sequence-classification', 'sequence-classification'),
  of('token-classification', 'token-classification'),
  of('question-answering', 'question-answering'),
  of('multiple-choice', 'multiple-choice'),
])

const opened = async (name: string) => open(await folderOf(of(name)))
const build = async (checkpoint: Checkpoint, head = 'base'): Promise<Graph> => verify((await family.build(checkpoint, { head }))['model']!)

describe('the graph of a DistilBERT', () => {
  it('reads no segments', async () => {
    const graph = await build(await opened('base'))
    expect(graph.inputs).toEqual(['input_ids', 'attention_mask'].map((name) => ({ name, dtype: 'int64', shape: ['batch', 'sequence'] })))
    expect(family.maxLength!(await opened('base'))).toBe(24)
  })

  it('takes sinusoidal positions from the checkpoint, where they are stored like learned ones', async () => {
    const checkpoint = await opened('base')
    const [learned, sinusoidal] = [await build(checkpoint), await build(altered(checkpoint, { sinusoidal_pos_embds: true }))]
    expect(traits(sinusoidal)).toEqual(traits(learned))
    expect(sinusoidal.constants.get('distilbert.embeddings.position_embeddings.weight')).toBe(checkpoint.constants.get('embeddings.position_embeddings.weight'))
  })

  it('holds the word embedding once, as the decoder too', async () => {
    const graph = await build(await opened('masked-lm'), 'masked-lm')
    expect(graph.nodes.filter(({ inputs }) => inputs.includes('distilbert.embeddings.word_embeddings.weight')).map(({ op }) => op)).toEqual(['Gather', 'Gemm'])
    expect([...graph.constants.values()].filter(({ shape }) => shape.join() === '99,32')).toHaveLength(1)
  })

  it('is the same however the checkpoint spells its parameters', async () => {
    const checkpoint = await opened('masked-lm')
    const legacy = renamed(checkpoint, legacySpelling('distilbert'))
    expect(legacy.constants.has('transformer.layer.0.sa_layer_norm.gamma')).toBe(true)
    expect(traits(await build(legacy, 'masked-lm'))).toEqual(traits(await build(checkpoint, 'masked-lm')))
  })
})

describe('a DistilBERT that is not what its config says', () => {
  it.each(['vocab_size', 'dim', 'n_layers', 'n_heads', 'hidden_dim', 'max_position_embeddings'])('is refused where %s is no positive integer', async (key) => {
    const checkpoint = await opened('base')
    for (const value of [0, 2.5, '32', null]) await expect(build(altered(checkpoint, { [key]: value }))).rejects.toThrow(`'${key}'. Set '${key}' to the size that the weights have`)
  })

  it('is refused for a head that its weights do not hold', async () => {
    await expect(build(await opened('base'), 'sequence-classification')).rejects.toMatchObject({ tensor: 'pre_classifier.weight', actual: undefined })
  })

  it('is refused for an activation that nobody knows', async () => {
    await expect(build(altered(await opened('base'), { activation: 'gelu_typo' }))).rejects.toThrow("config.json names the activation 'gelu_typo'. Known are: ")
  })
})
