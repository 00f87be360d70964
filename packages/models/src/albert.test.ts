import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Checkpoint, Graph } from '@tenon/core'
import { verify } from '@tenon/graph'
import { readOnnx, writeOnnx } from '@tenon/graph/onnx'
import { describe, expect, it } from 'vitest'
import { albert } from './albert.js'
import { describeFamily } from './test-conformance.js'
import { altered, fixturesOf, folderOf, legacySpelling, open, renamed, traits } from './test-support.js'

const of = fixturesOf('albert')
const family = albert()

describeFamily(family, [
  of('base'),
  of('groups'),
  of('masked-lm', 'masked-lm'),
  of('sentence-order', 'sentence-order'),
  of('pretraining', 'pretraining'),
  of('sequence-classification', 'sequence-classification'),
  of('token-classification', 'token-classification'),
  of('question-answering', 'question-answering'),
  of('multiple-choice', 'multiple-choice'),
])

const opened = async (name: string) => open(await folderOf(of(name)))
const build = async (checkpoint: Checkpoint, head = 'base'): Promise<Graph> => verify((await family.build(checkpoint, { head }))['model']!)

/** How often each weight of the blocks is read, by its name within a block, and how many weights of that name there are. */
function reads(graph: Graph, name: string): readonly number[] {
  const weights = [...graph.constants.keys()].filter((constant) => constant.endsWith(name))
  return weights.map((weight) => graph.nodes.filter(({ inputs }) => inputs.includes(weight)).length)
}

describe('the graph of an ALBERT', () => {
  it('applies the parameters that its layers share as often as there are layers', async () => {
    expect(reads(await build(await opened('base')), 'ffn.weight')).toEqual([3])
    // Four layers of two blocks in two groups: each group is applied twice.
    expect(reads(await build(await opened('groups')), 'ffn.weight')).toEqual([2, 2, 2, 2])
  })

  it('goes through the groups in order, each as often as the others', async () => {
    const graph = await build(await opened('groups'))
    const order = graph.nodes.flatMap(({ inputs }) => inputs.map((input) => /groups\.(\d)\.albert_layers\.(\d)\.ffn\.weight$/.exec(input)).filter((found) => found !== null).map(([, group, block]) => `${group}.${block}`))
    expect(order).toEqual(['0.0', '0.1', '0.0', '0.1', '1.0', '1.1', '1.0', '1.1'])
  })

  it.each(['base', 'groups', 'pretraining'])('writes no weight twice when it is exported: %s', async (name) => {
    const folder = await folderOf(of(name))
    const checkpoint = await open(folder)
    const graph = await build(checkpoint, name === 'pretraining' ? name : 'base')
    const path = join(folder, 'onnx/model.onnx')
    await writeOnnx(graph, path)
    const read = await readOnnx(path)
    const weights = [...read.constants].filter(([constant]) => graph.constants.get(constant)?.inline === undefined)
    expect(weights).toHaveLength(checkpoint.constants.size)
    const contents = await Promise.all(weights.map(async ([, constant]) => Buffer.from(await constant.bytes()).toString('base64')))
    expect(new Set(contents).size).toBe(contents.length)
    // The data file, where there is one, holds what is at least a page long, each at a page of its own.
    const pages = weights.filter(([, { byteLength }]) => byteLength >= 4096).reduce((sum, [, { byteLength }]) => sum + Math.ceil(byteLength / 4096), 0)
    const data = await readFile(`${path}_data`).catch(() => Buffer.alloc(0))
    expect(Math.ceil(data.byteLength / 4096)).toBe(pages)
  })

  it('does not grow with its layers', async () => {
    const checkpoint = await opened('base')
    const [shallow, deep] = await Promise.all([build(checkpoint), build(altered(checkpoint, { num_hidden_layers: 12 }))])
    expect([...deep.constants.keys()]).toEqual([...shallow.constants.keys()])
  })

  it('has one group of one block where the config does not say', async () => {
    const checkpoint = await opened('base')
    expect(traits(await build(altered(checkpoint, { num_hidden_groups: undefined, inner_group_num: undefined })))).toEqual(traits(await build(checkpoint)))
  })

  it('uses the activation that transformers takes where the config names none', async () => {
    const checkpoint = await opened('base')
    expect(traits(await build(altered(checkpoint, { hidden_act: undefined })))).toEqual(traits(await build(checkpoint)))
    expect((await build(checkpoint)).nodes.find(({ op }) => op === 'Gelu')!.attributes).toEqual({ approximate: 'tanh' })
  })

  it('holds the word embedding once, as the decoder too', async () => {
    const graph = await build(await opened('masked-lm'), 'masked-lm')
    expect([...graph.constants.values()].filter(({ shape }) => shape.join() === '99,16')).toHaveLength(1)
  })

  it('has no pooled output where the checkpoint has no pooler', async () => {
    const checkpoint = await opened('base')
    const constants = new Map([...checkpoint.constants].filter(([name]) => !name.startsWith('pooler')))
    expect((await build(checkpoint)).outputs.map(({ name }) => name)).toEqual(['last_hidden_state', 'pooler_output'])
    expect((await build(altered(checkpoint, {}, constants))).outputs.map(({ name }) => name)).toEqual(['last_hidden_state'])
  })

  it('is the same however the checkpoint spells its parameters', async () => {
    const checkpoint = await opened('pretraining')
    const legacy = renamed(checkpoint, legacySpelling('albert'))
    expect(legacy.constants.has('predictions.LayerNorm.gamma')).toBe(true)
    expect(traits(await build(legacy, 'pretraining'))).toEqual(traits(await build(checkpoint, 'pretraining')))
  })
})

describe('an ALBERT that is not what its config says', () => {
  it.each(['embedding_size', 'num_hidden_groups', 'inner_group_num'])('is refused where %s is no positive integer', async (key) => {
    const checkpoint = await opened('base')
    for (const value of [0, 2.5, '1']) await expect(build(altered(checkpoint, { [key]: value }))).rejects.toThrow(`'${key}'. Set '${key}' to the size that the weights have`)
  })

  it('is refused where it has more layers than any model, since all of them are one to the weights', async () => {
    await expect(build(altered(await opened('base'), { num_hidden_layers: 2 ** 31 - 1 }))).rejects.toThrow("gives 2147483647 'num_hidden_layers'")
  })

  it('is refused where it has more groups than the weights', async () => {
    await expect(build(altered(await opened('base'), { num_hidden_groups: 3 }))).rejects.toMatchObject({ tensor: expect.stringContaining('albert_layer_groups.1.albert_layers.0'), actual: undefined })
  })

  it('is refused where its positions are relative', async () => {
    await expect(build(altered(await opened('base'), { position_embedding_type: 'relative_key' }))).rejects.toMatchObject({ code: 'TENON_INVALID_FILE' })
  })
})
