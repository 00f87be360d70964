import { join } from 'node:path'
import { createRuntime, type Backend, type Checkpoint, type Graph, type Model, type Source } from '@tenon/core'
import { onnx } from '@tenon/backend-onnx'
import { files } from '@tenon/checkpoint'
import { GraphBuilder, type Value } from '@tenon/graph'
import { Cast, Gather, Neg, ReduceSum } from '@tenon/graph/ops'
import { writeOnnx } from '@tenon/graph/onnx'
import { afterAll, describe, expect, it } from 'vitest'
import { bert } from './bert.js'
import { exported } from './exported.js'
import { altered, apart, casesOf, compile, fixturesOf, folderOf, open, removeWeights, run, tolerance } from './test-support.js'

const backend: Backend<string, object> = onnx({ threads: 2 })
afterAll(() => backend.dispose?.())

const of = fixturesOf('bert')

/** A checkpoint that holds a graph and no weights. */
async function holding(graph: Graph, config: Readonly<Record<string, unknown>> = {}): Promise<Checkpoint> {
  const folder = await folderOf(of('base'))
  await removeWeights(folder)
  await writeOnnx(graph, join(folder, 'onnx/model.onnx'))
  return altered(await open(folder), config)
}

/** A graph over ids with these outputs, each of which is the ids themselves, cast. */
function graphOf(outputs: Readonly<Record<string, 'float32' | 'float16'>>, input: 'int64' | 'float16' = 'int64'): Graph {
  const builder = new GraphBuilder('test')
  const x = builder.input('input_ids', input, ['batch', 'sequence'])
  for (const [name, dtype] of Object.entries(outputs)) builder.output(name, Cast(x, { to: dtype }))
  return builder.build()
}

const build = async (checkpoint: Checkpoint, head = 'base', family: Model = exported('mpnet')) => (await family.build(checkpoint, { head }))['model']!

describe('a family of which only exported graphs are read', () => {
  it('computes what the graph does, whatever the model is called', async () => {
    const source = await open(await folderOf(of('question-answering')))
    const checkpoint = await holding((await bert().build(source, { head: 'question-answering' }))['model']!, { model_type: 'mpnet' })
    const executable = await compile(backend, await build(checkpoint, 'question-answering'))
    for (const { feeds, outputs } of await casesOf(of('question-answering'))) expect(apart(await run(executable, feeds), outputs)).toBeLessThan(tolerance.float32)
  })

  it('is found by the model_type of the config', async () => {
    const checkpoint = await holding(graphOf({ last_hidden_state: 'float32' }), { model_type: 'mpnet' })
    const source: Source<'given'> = { kind: 'source', version: 'v1', name: 'given', open: async () => checkpoint }
    await using runtime = createRuntime({ plugins: [source, bert(), exported('mpnet')] })
    const { graphs } = await runtime.build(await runtime.checkpoint('any'), { head: 'base' })
    expect(graphs['model']!.outputs.map(({ name }) => name)).toEqual(['last_hidden_state'])
  })

  it('has a name in types, so that a runtime knows a second one by it', () => {
    createRuntime({ plugins: [files(), exported('mpnet'), exported('funnel')] })
    // @ts-expect-error the same family twice
    expect(() => createRuntime({ plugins: [files(), exported('mpnet'), exported('mpnet')] })).toThrow(/mpnet/)
  })

  it.each([
    [{ logits: 'float32' }, 'base', 'masked-lm, sequence-classification, token-classification, multiple-choice'],
    [{ last_hidden_state: 'float32' }, 'question-answering', 'base'],
    [{ start_logits: 'float32', end_logits: 'float32' }, 'masked-lm', 'question-answering'],
  ] as const)('tells which heads a graph of %j may be, when asked for %s', async (outputs, head, others) => {
    await expect(build(await holding(graphOf(outputs)), head)).rejects.toMatchObject({ code: 'TENON_NO_SUCH_HEAD', message: expect.stringMatching(new RegExp(`onnx/model\\.onnx' has no head '${head}'\\. Choose one of: ${others}\\.$`)) })
  })

  it('is refused where it makes only a part of what the head has', async () => {
    await expect(build(await holding(graphOf({ start_logits: 'float32', logits: 'float32' })), 'question-answering')).rejects.toMatchObject({ code: 'TENON_NO_SUCH_HEAD' })
  })

  it('is refused where its outputs are those of no head, and told the names', async () => {
    await expect(build(await holding(graphOf({ output_0: 'float32' })))).rejects.toMatchObject({
      code: 'TENON_INVALID_FILE',
      message: expect.stringMatching(/onnx\/model\.onnx has the outputs output_0, and no head has these\. Export it with the names that transformers gives them: last_hidden_state, pooler_output, logits/),
    })
  })

  it.each(['translation', 'toString'])("is refused for the head '%s', which no exporter knows", async (head) => {
    await expect(build(await holding(graphOf({ logits: 'float32' })), head)).rejects.toThrow(`The model 'mpnet' has no head '${head}'. Choose one of: base, masked-lm`)
  })

  it('is refused where the checkpoint was opened by its weights', async () => {
    await expect(build(await open(await folderOf(of('base'))))).rejects.toMatchObject({ code: 'TENON_INVALID_FILE', message: expect.stringContaining("'mpnet' is only read from exported graphs. Ask the source for a variant") })
  })
})

describe('a graph that computes in float16', () => {
  it.each([['a family', bert()], ['exported', exported('bert')]])('gives float32 from %s, under the names and in the shapes that it declares', async (_, family) => {
    const checkpoint = await holding(graphOf({ last_hidden_state: 'float16', pooler_output: 'float32' }))
    const graph = await build(checkpoint, 'base', family)
    expect(graph.outputs).toEqual(['last_hidden_state', 'pooler_output'].map((name) => ({ name, dtype: 'float32', shape: ['batch', 'sequence'] })))
    const executable = await compile(backend, graph)
    const { feeds } = (await casesOf(of('base'))).find(({ name }) => name === 'ids-only')!
    const { last_hidden_state: states } = await run(executable, feeds)
    expect(states!.data).toEqual(Array.from(feeds['input_ids']!.values as BigInt64Array, Number))
  })

  it('keeps the sizes that its exporter declared and inference does not know', async () => {
    const builder = new GraphBuilder('test')
    const ids = builder.input('input_ids', 'int64', ['batch', 'sequence'])
    const half = Cast(Gather(ids, ReduceSum(ids) as Value, { axis: 0 }), { to: 'float16' })
    builder.output('last_hidden_state', Neg(half))
    const graph = builder.build()
    const shape = graph.outputs[0]!.shape.map((_, axis) => `declared_${axis}`)
    const read = await build(await holding({ ...graph, outputs: [{ ...graph.outputs[0]!, shape }] }))
    expect(read.outputs).toEqual([{ name: 'last_hidden_state', dtype: 'float32', shape }])
  })

  it('is refused where it wants its inputs in float16', async () => {
    await expect(build(await holding(graphOf({ last_hidden_state: 'float32' }, 'float16')))).rejects.toMatchObject({
      code: 'TENON_INVALID_FILE',
      message: expect.stringMatching(/onnx\/model\.onnx takes its input 'input_ids' as float16, which nobody here makes\. Convert it again with inputs and outputs left in float32/),
    })
  })

  it('stays as it is where its outputs are float32 already', async () => {
    const checkpoint = await holding(graphOf({ last_hidden_state: 'float32' }))
    expect((await build(checkpoint)).nodes.map(({ op }) => op)).toEqual(['Cast'])
  })
})
