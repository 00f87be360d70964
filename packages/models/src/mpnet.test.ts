import { BackendError, type Checkpoint, type Graph } from '@tenon/core'
import { verify } from '@tenon/graph'
import { describe, expect, it } from 'vitest'
import { mpnet } from './mpnet.js'
import { backend, describeFamily } from './test-conformance.js'
import { altered, apart, casesOf, compile, fixturesOf, folderOf, legacySpelling, open, renamed, run, tolerance, traits } from './test-support.js'

const of = fixturesOf('mpnet')
const family = mpnet()

describeFamily(family, [
  of('base'),
  of('base-no-pooler'),
  of('masked-lm', 'masked-lm'),
  of('sequence-classification', 'sequence-classification'),
  of('token-classification', 'token-classification'),
  of('question-answering', 'question-answering'),
  of('multiple-choice', 'multiple-choice'),
])

const opened = async (name: string) => open(await folderOf(of(name)))
const build = async (checkpoint: Checkpoint, head = 'base'): Promise<Graph> => verify((await family.build(checkpoint, { head }))['model']!)

describe('the graph of an MPNet', () => {
  it('computes the biases of distances once for all layers', async () => {
    const { nodes } = await build(await opened('base'))
    const attentions = nodes.filter(({ op }) => op === 'com.microsoft::MultiHeadAttention')
    expect(attentions).toHaveLength(2)
    expect(new Set(attentions.map(({ inputs }) => inputs[5])).size).toBe(1)
  })

  it('leaves out the positions of what comes before a text, and refuses a longer one', async () => {
    expect(family.maxLength!(await opened('base'))).toBe(140)
    const executable = await compile(backend, await build(await opened('base')))
    const { feeds, outputs } = (await casesOf(of('base'))).find(({ name }) => name === 'longest')!
    expect(apart(await run(executable, feeds), outputs)).toBeLessThan(tolerance.float32)
    const longer = Object.fromEntries(Object.entries(feeds).map(([name, feed]) => [name, { ...feed, shape: [1, 141], values: BigInt64Array.of(...(feed.values as BigInt64Array), 5n) }]))
    await expect(run(executable, longer)).rejects.toThrow(BackendError)
  })

  it('holds the word embedding once', async () => {
    const tied = await build(await opened('masked-lm'), 'masked-lm')
    expect([...tied.constants.values()].filter(({ shape }) => shape.join() === '99,32')).toHaveLength(1)
  })

  it('is the same however the checkpoint spells its parameters', async () => {
    const checkpoint = await opened('masked-lm')
    const legacy = renamed(checkpoint, legacySpelling('mpnet'))
    expect(legacy.constants.has('lm_head.layer_norm.gamma')).toBe(true)
    expect(traits(await build(legacy, 'masked-lm'))).toEqual(traits(await build(checkpoint, 'masked-lm')))
  })
})

describe('an MPNet that is not what its config says', () => {
  it('is refused where its table has fewer rows than distances have buckets', async () => {
    await expect(build(altered(await opened('base'), { relative_attention_num_buckets: 16 }))).rejects.toThrow('Distances fall into 32 buckets')
  })

  it('is refused where its table has other rows than the weights', async () => {
    await expect(build(altered(await opened('base'), { relative_attention_num_buckets: 64 }))).rejects.toMatchObject({ tensor: 'mpnet.encoder.relative_attention_bias.weight', expected: [64, 4], actual: [32, 4] })
  })

  it('is refused for a head that its weights do not hold', async () => {
    await expect(build(await opened('base'), 'sequence-classification')).rejects.toMatchObject({ tensor: 'classifier.dense.weight', actual: undefined })
  })
})
