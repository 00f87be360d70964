import { join } from 'node:path'
import { BackendError, InvalidFileError, MissingFileError, NoSuchHeadError, ShapeMismatchError, WeightMismatchError, type Checkpoint, type Graph } from '@tenon/core'
import { files } from '@tenon/checkpoint'
import { verify } from '@tenon/graph'
import { writeOnnx } from '@tenon/graph/onnx'
import { describe, expect, it, onTestFinished } from 'vitest'
import { bert } from './bert.js'
import { backend, describeFamily, wrongCases } from './test-conformance.js'
import { altered, apart, casesOf, compile, fixturesOf, folderOf, open, removeWeights, run, tolerance, type Fixture } from './test-support.js'

const family = bert()
const of = fixturesOf('bert')

const fixtures: readonly Fixture[] = [
  of('base'),
  of('base-no-pooler'),
  of('masked-lm', 'masked-lm'),
  of('next-sentence-prediction', 'next-sentence'),
  of('pre-training', 'pretraining'),
  of('sequence-classification', 'sequence-classification'),
  of('token-classification', 'token-classification'),
  of('question-answering', 'question-answering'),
  of('multiple-choice', 'multiple-choice'),
  of('activation-gelu'),
  of('activation-relu'),
  of('activation-gelu_new'),
  of('activation-silu'),
  of('stored-float16'),
  of('stored-bfloat16'),
  of('legacy-prefixed-base', 'base', 'bert/base'),
  of('legacy-unprefixed-masked-lm', 'masked-lm', 'bert/masked-lm'),
]

describeFamily(family, fixtures)

const fixture = (name: string): Fixture => fixtures.find((each) => each.name === name)!

const opened = async (name: string) => open(await folderOf(fixture(name)))

async function build(checkpoint: Checkpoint, head = 'base'): Promise<Graph> {
  const { model } = await family.build(checkpoint, { head })
  return verify(model!)
}

const built = async (name: string) => build(await opened(name), fixture(name).head)

describe('the graph of a BERT', () => {
  it('is built from what the source opens', async () => {
    const checkpoint = (await files().open(await folderOf(fixture('base')), { emit: () => {} })) as Checkpoint
    onTestFinished(() => checkpoint[Symbol.asyncDispose]())
    expect(await wrongCases(await build(checkpoint), fixture('base'))).toEqual([])
  })

  it('has the inputs of transformers, with sizes that are open', async () => {
    expect((await built('base')).inputs).toEqual(['input_ids', 'attention_mask', 'token_type_ids'].map((name) => ({ name, dtype: 'int64', shape: ['batch', 'sequence'] })))
    expect((await built('multiple-choice')).inputs[0]).toEqual({ name: 'input_ids', dtype: 'int64', shape: ['batch', 'choices', 'sequence'] })
  })

  it.each([
    ['base', [['last_hidden_state', ['batch', 'sequence', 32]], ['pooler_output', ['batch', 32]]]],
    ['base-no-pooler', [['last_hidden_state', ['batch', 'sequence', 32]]]],
    ['masked-lm', [['logits', ['batch', 'sequence', 99]]]],
    ['next-sentence-prediction', [['logits', ['batch', 2]]]],
    ['pre-training', [['prediction_logits', ['batch', 'sequence', 99]], ['seq_relationship_logits', ['batch', 2]]]],
    ['sequence-classification', [['logits', ['batch', 3]]]],
    ['token-classification', [['logits', ['batch', 'sequence', 5]]]],
    ['question-answering', [['start_logits', ['batch', 'sequence']], ['end_logits', ['batch', 'sequence']]]],
    ['multiple-choice', [['logits', ['batch', 'choices']]]],
  ] as const)('tells the shapes of its outputs before anything runs: %s', async (name, outputs) => {
    expect((await built(name)).outputs).toEqual(outputs.map(([output, shape]) => ({ name: output, dtype: 'float32', shape })))
  })

  it('runs on batches and lengths of any size with one executable', async () => {
    const executable = await compile(backend, await built('base'))
    const cases = await casesOf(fixture('base'))
    // Twice round: what one shape leaves behind must not show in the next.
    for (const { feeds, outputs } of [...cases, ...cases]) {
      expect(apart(await run(executable, feeds), outputs)).toBeLessThan(tolerance.float32)
    }
  })

  it('gives a text the same states alone and in a padded batch', async () => {
    const executable = await compile(backend, await built('base'))
    const { feeds, outputs } = (await casesOf(fixture('base'))).find(({ name }) => name === 'padded')!
    const [rows, width] = feeds['input_ids']!.shape as readonly [number, number]
    const mask = Array.from(feeds['attention_mask']!.values as BigInt64Array, Number)
    for (let row = 0; row < rows; row++) {
      const length = mask.slice(row * width, (row + 1) * width).reduce((sum, each) => sum + each)
      const alone = Object.fromEntries(Object.entries(feeds).map(([name, feed]) => [name, { ...feed, shape: [1, length], values: (feed.values as BigInt64Array).slice(row * width, row * width + length) }]))
      const { last_hidden_state: states } = await run(executable, alone)
      const padded = outputs['last_hidden_state']!.data.slice(row * width * 32, (row * width + length) * 32)
      expect(apart({ states: { shape: [], data: states!.data } }, { states: { shape: [], data: padded } })).toBeLessThan(tolerance.float32)
    }
  })

  it('refuses a sequence that is longer than its positions, and runs the next one', async () => {
    const executable = await compile(backend, await built('base'))
    const { feeds, outputs } = (await casesOf(fixture('base'))).find(({ name }) => name === 'longest')!
    const longer = Object.fromEntries(Object.entries(feeds).map(([name, feed]) => [name, { ...feed, shape: [1, 41], values: BigInt64Array.of(...(feed.values as BigInt64Array), 1n) }]))
    await expect(run(executable, longer)).rejects.toThrow(BackendError)
    expect(apart(await run(executable, feeds), outputs)).toBeLessThan(tolerance.float32)
  })

  it('refuses a token that is not in the vocabulary', async () => {
    const executable = await compile(backend, await built('base'))
    const { feeds } = (await casesOf(fixture('base'))).find(({ name }) => name === 'one-token')!
    await expect(run(executable, { ...feeds, input_ids: { ...feeds['input_ids']!, values: BigInt64Array.of(99n) } })).rejects.toThrow(BackendError)
  })

  it('holds tied weights once', async () => {
    const graph = await built('masked-lm')
    const table = 'bert.embeddings.word_embeddings.weight'
    expect(graph.nodes.filter(({ inputs }) => inputs.includes(table)).map(({ op }) => op)).toEqual(['Gather', 'Gemm'])
    expect([...graph.constants.values()].filter(({ shape }) => shape.join() === '99,32')).toHaveLength(1)
  })

  it('leaves out the weights that the head does not use', async () => {
    const checkpoint = await opened('pre-training')
    const names = async (head: string) => [...(await build(checkpoint, head)).constants.keys()]
    expect((await names('masked-lm')).filter((name) => /pooler|seq_relationship/.test(name))).toEqual([])
    expect((await names('next-sentence')).filter((name) => name.startsWith('cls.predictions'))).toEqual([])
    expect([...(await built('legacy-prefixed-base')).constants.keys()].filter((name) => name.includes('position_ids'))).toEqual([])
  })

  it('leaves float32 weights in their file and reads none of them', async () => {
    const checkpoint = await opened('base')
    const graph = await build(checkpoint)
    for (const [name, constant] of checkpoint.constants) expect(graph.constants.get(`bert.${name}`)).toBe(constant)
  })

  it('is the same however the checkpoint spells its parameters', async () => {
    const [modern, legacy] = [await built('base'), await built('legacy-prefixed-base')]
    expect(legacy.nodes).toEqual(modern.nodes)
    expect([...legacy.constants.keys()]).toEqual([...modern.constants.keys()])
  })
})

describe('a checkpoint that is not what its config says', () => {
  it('is refused with the tensor and both shapes', async () => {
    const checkpoint = altered(await opened('base'), { hidden_size: 48 })
    const error = await build(checkpoint).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(WeightMismatchError)
    expect(error).toMatchObject({ tensor: 'bert.embeddings.word_embeddings.weight', expected: [99, 48], actual: [99, 32], code: 'TENON_WEIGHT_MISMATCH' })
  })

  it.each([
    ['vocab_size', 98, 'bert.embeddings.word_embeddings.weight'],
    ['max_position_embeddings', 41, 'bert.embeddings.position_embeddings.weight'],
    ['type_vocab_size', 1, 'bert.embeddings.token_type_embeddings.weight'],
    ['intermediate_size', 65, 'bert.encoder.layer.0.intermediate.dense.weight'],
    ['num_hidden_layers', 3, 'bert.encoder.layer.2.attention.self.query.weight'],
  ])('is refused where it disagrees on %s', async (key, value, tensor) => {
    await expect(build(altered(await opened('base'), { [key]: value }))).rejects.toMatchObject({ code: 'TENON_WEIGHT_MISMATCH', tensor })
  })

  it('is refused where it lacks a tensor, by the name it should have', async () => {
    const checkpoint = await opened('base')
    const constants = new Map([...checkpoint.constants].filter(([name]) => name !== 'encoder.layer.1.output.LayerNorm.bias'))
    await expect(build(altered(checkpoint, {}, constants))).rejects.toThrow(/'bert\.encoder\.layer\.1\.output\.LayerNorm\.bias' of shape \[32\], and the checkpoint has no such tensor/)
  })

  it('is refused for a head that its weights do not hold', async () => {
    await expect(build(await opened('base'), 'sequence-classification')).rejects.toMatchObject({ tensor: 'classifier.weight', actual: undefined })
    await expect(build(await opened('base-no-pooler'), 'next-sentence')).rejects.toMatchObject({ tensor: 'bert.pooler.dense.weight', actual: undefined })
  })

  it('is refused where its labels are more than its classifier has', async () => {
    await expect(build(altered(await opened('sequence-classification'), { id2label: { 0: 'a', 1: 'b', 2: 'c', 3: 'd' } }), 'sequence-classification')).rejects.toMatchObject({ tensor: 'classifier.weight', expected: [4, 32], actual: [3, 32] })
  })

  it.each(['vocab_size', 'hidden_size', 'num_hidden_layers', 'num_attention_heads', 'intermediate_size', 'max_position_embeddings', 'type_vocab_size'])('is refused where %s is no positive integer', async (key) => {
    const checkpoint = await opened('base')
    for (const value of [0, -4, 2.5, '32', null]) await expect(build(altered(checkpoint, { [key]: value }))).rejects.toThrow(`'${key}'. Set '${key}' to the size that the weights have`)
  })

  it('is refused where its heads do not share the hidden size', async () => {
    await expect(build(altered(await opened('base'), { num_attention_heads: 5 }))).rejects.toThrow(ShapeMismatchError)
  })

  it.each([
    ['position_embedding_type', 'relative_key', '"absolute"'],
    ['position_embedding_type', 'relative_key_query', '"absolute"'],
    ['is_decoder', true, 'false'],
  ])('is refused where %s is %s, which computes something else', async (key, value, supported) => {
    const error = await build(altered(await opened('base'), { [key]: value })).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InvalidFileError)
    expect(error).toMatchObject({ message: expect.stringContaining(`sets '${key}' to ${JSON.stringify(value)}. Only ${supported} is built for this family`) })
  })

  it.each(['gelu_typo', 'toString', '__proto__', ''])("is refused for the activation '%s', and told which there are", async (name) => {
    await expect(build(altered(await opened('base'), { hidden_act: name }))).rejects.toThrow(`config.json names the activation '${name}'. Known are: `)
  })
})

describe('a head', () => {
  it.each(['translation', 'toString', '', 'Base'])("is refused when the family has none of the name '%s', and told which there are", async (head) => {
    const error = await build(await opened('base'), head).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(NoSuchHeadError)
    expect(error).toMatchObject({ message: `The model 'bert' has no head '${head}'. Choose one of: ${family.heads.join(', ')}.` })
  })
})

describe('an exported checkpoint', () => {
  async function exported(name: string, places: readonly string[]): Promise<Checkpoint> {
    const folder = await folderOf(fixture(name))
    const graph = await build(await open(folder), fixture(name).head)
    for (const place of places) await writeOnnx(graph, join(folder, place))
    await removeWeights(folder)
    return open(folder)
  }

  it.each(['onnx/model.onnx', 'model.onnx', 'onnx/model_quantized.onnx', 'model_quantized.onnx'])('is found at %s', async (place) => {
    expect((await build(await exported('base', [place]))).outputs).toHaveLength(2)
  })

  it('is read where it is most exact', async () => {
    const folder = await folderOf(fixture('base'))
    const graph = await build(await open(folder))
    await writeOnnx({ ...graph, name: 'quantised' }, join(folder, 'onnx/model_quantized.onnx'))
    await writeOnnx({ ...graph, name: 'exact' }, join(folder, 'model.onnx'))
    await removeWeights(folder)
    expect((await build(await open(folder))).name).toBe('exact')
  })

  it('is refused for a head whose outputs its graph does not make', async () => {
    const checkpoint = await exported('base', ['onnx/model.onnx'])
    const error = await build(checkpoint, 'masked-lm').catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(NoSuchHeadError)
    expect(error).toMatchObject({ message: expect.stringMatching(/onnx\/model\.onnx' has no head 'masked-lm'\. Choose one of: base\.$/) })
  })

  it('is refused where its graph lies in a place that no exporter uses', async () => {
    const error = await build(await exported('base', ['elsewhere/decoder.onnx'])).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(MissingFileError)
    expect(error).toMatchObject({ message: expect.stringContaining('there is no exported graph either') })
  })
})
