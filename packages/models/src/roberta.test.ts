import { BackendError, type Checkpoint, type Graph } from '@tenon/core'
import { verify } from '@tenon/graph'
import { describe, expect, it } from 'vitest'
import { roberta } from './roberta.js'
import { backend, describeFamily } from './test-conformance.js'
import { altered, apart, casesOf, compile, fixturesOf, folderOf, legacySpelling, open, renamed, run, tolerance, traits } from './test-support.js'

const of = fixturesOf('roberta')
const family = roberta()

describeFamily(family, [
  of('base'),
  of('base-no-pooler'),
  of('segments'),
  of('masked-lm', 'masked-lm'),
  of('sequence-classification', 'sequence-classification'),
  of('token-classification', 'token-classification'),
  of('question-answering', 'question-answering'),
  of('multiple-choice', 'multiple-choice'),
])

const opened = async (name: string) => open(await folderOf(of(name)))
const build = async (checkpoint: Checkpoint, head = 'base'): Promise<Graph> => verify((await family.build(checkpoint, { head }))['model']!)
const inputsOf = ({ inputs }: Graph) => inputs.map(({ name, shape }) => [name, ...shape])

describe('the graph of a RoBERTa', () => {
  it('reads segments only where there are several', async () => {
    const text = ['batch', 'sequence']
    expect(inputsOf(await build(await opened('base')))).toEqual([['input_ids', ...text], ['attention_mask', ...text]])
    expect(inputsOf(await build(await opened('segments')))).toEqual([['input_ids', ...text], ['attention_mask', ...text], ['token_type_ids', ...text]])
    expect(inputsOf(await build(await opened('multiple-choice'), 'multiple-choice'))).toEqual([['input_ids', 'batch', 'choices', 'sequence'], ['attention_mask', 'batch', 'choices', 'sequence']])
  })

  it('leaves out the positions of what comes before a text', async () => {
    const checkpoint = await opened('base')
    expect(family.maxLength!(checkpoint)).toBe(24)
    expect(family.maxLength!(altered(checkpoint, { pad_token_id: 0 }))).toBe(25)
  })

  it('reads as many tokens as it says, and refuses one more', async () => {
    const executable = await compile(backend, await build(await opened('base')))
    const { feeds, outputs } = (await casesOf(of('base'))).find(({ name }) => name === 'longest')!
    expect(apart(await run(executable, feeds), outputs)).toBeLessThan(tolerance.float32)
    const longer = Object.fromEntries(Object.entries(feeds).map(([name, feed]) => [name, { ...feed, shape: [1, 25], values: BigInt64Array.of(...(feed.values as BigInt64Array), 5n) }]))
    await expect(run(executable, longer)).rejects.toThrow(BackendError)
  })

  it('holds the word embedding once, whether the decoder is stored or not', async () => {
    const tied = await build(await opened('masked-lm'), 'masked-lm')
    expect([...tied.constants.values()].filter(({ shape }) => shape.join() === '99,32')).toHaveLength(1)
  })

  it('takes a decoder of its own where the checkpoint holds one, and its bias from there', async () => {
    const checkpoint = await opened('masked-lm')
    const tied = await build(checkpoint, 'masked-lm')
    const own = altered(checkpoint, {}, new Map([...checkpoint.constants, ['lm_head.decoder.weight', checkpoint.constants.get('roberta.embeddings.word_embeddings.weight')!]]))
    const graph = await build(renamed(own, (name) => name.replace('lm_head.bias', 'lm_head.decoder.bias')), 'masked-lm')
    expect([...graph.constants.keys()].filter((name) => !tied.constants.has(name))).toEqual(['lm_head.decoder.weight', 'lm_head.decoder.bias'])
  })

  it('is the same however the checkpoint spells its parameters', async () => {
    const checkpoint = await opened('masked-lm')
    const legacy = renamed(checkpoint, legacySpelling('roberta'))
    expect(legacy.constants.has('lm_head.layer_norm.gamma')).toBe(true)
    expect(traits(await build(legacy, 'masked-lm'))).toEqual(traits(await build(checkpoint, 'masked-lm')))
  })

  it('uses GELU before the decoder, whatever the blocks use', async () => {
    const ops = (graph: Graph) => graph.nodes.filter(({ op }) => op === 'Gelu' || op === 'Relu').map(({ op }) => op)
    expect(ops(await build(altered(await opened('masked-lm'), { hidden_act: 'relu' }), 'masked-lm'))).toEqual(['Relu', 'Relu', 'Gelu'])
  })
})

describe('a RoBERTa that is not what its config says', () => {
  it.each([
    ['position_embedding_type', 'relative_key'],
    ['is_decoder', true],
  ])('is refused where %s is %s, which computes something else', async (key, value) => {
    await expect(build(altered(await opened('base'), { [key]: value }))).rejects.toMatchObject({ code: 'TENON_INVALID_FILE', message: expect.stringContaining(`sets '${key}'`) })
  })

  it.each([-1, 1.5, '1'])('is refused where the padding has the id %j', async (id) => {
    await expect(build(altered(await opened('base'), { pad_token_id: id }))).rejects.toThrow(`gives 'pad_token_id' as ${JSON.stringify(id)}. Write the id of a token`)
  })

  it('is refused where its segments are not those of the weights', async () => {
    await expect(build(altered(await opened('base'), { type_vocab_size: 2 }))).rejects.toMatchObject({ tensor: 'roberta.embeddings.token_type_embeddings.weight', expected: [2, 32], actual: [1, 32] })
    await expect(build(altered(await opened('segments'), { type_vocab_size: 1 }))).rejects.toMatchObject({ tensor: 'roberta.embeddings.token_type_embeddings.weight', expected: [1, 32], actual: [2, 32] })
  })

  it('is refused for a head that its weights do not hold', async () => {
    await expect(build(await opened('base'), 'sequence-classification')).rejects.toMatchObject({ tensor: 'classifier.dense.weight', actual: undefined })
    await expect(build(await opened('masked-lm'), 'multiple-choice')).rejects.toMatchObject({ tensor: 'roberta.pooler.dense.weight', actual: undefined })
  })
})
