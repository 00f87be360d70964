import { mkdir, readdir, readFile, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AbortedError, byteLength, InvalidGraphError, InvalidOptionError, lazyConstant, type Checkpoint, type Graphs, type TenonEvent } from '@tenon/core'
import { onnx } from '@tenon/backend-onnx'
import { openFolder } from '@tenon/checkpoint'
import { GraphBuilder } from '@tenon/graph'
import { readOnnx } from '@tenon/graph/onnx'
import { Cast } from '@tenon/graph/ops'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { bert } from '../bert.js'
import { compile, run } from '../test-support.js'
import { exportModel, headOf, type ExportOptions } from './index.js'
import { folderOf, temporaryFolder } from './test-support.js'

const backend = onnx({ threads: 2 })
afterAll(() => backend.dispose?.())

async function open(folder: string): Promise<Checkpoint> {
  const checkpoint = await openFolder(folder)
  onTestFinished(() => checkpoint[Symbol.asyncDispose]())
  return checkpoint
}

async function built(fixture = 'bert/question-answering'): Promise<{ checkpoint: Checkpoint; graphs: Graphs; head: string }> {
  const checkpoint = await open(await folderOf(fixture))
  const head = headOf(checkpoint.config)
  return { checkpoint, graphs: await bert().build(checkpoint, { head }), head }
}

/** Exports a fixture into a fresh folder. */
async function exported(options: Partial<ExportOptions> = {}, fixture?: string) {
  const { checkpoint, graphs } = await built(fixture)
  const to = join(await temporaryFolder(), 'exported')
  return { checkpoint, to, report: await exportModel({ checkpoint, graphs, to, ...options }) }
}

const configOf = async (folder: string) => JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as Record<string, unknown>
const filesBelow = async (folder: string) => (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1)).toSorted()

describe('an exported folder', () => {
  it('holds the graph, its weights, the config and the tokenizer, and the report tells of each', async () => {
    const { to, report } = await exported()
    const files = ['config.json', 'onnx/model.onnx', 'onnx/model.onnx_data', 'tokenizer.json', 'tokenizer_config.json']
    expect(await filesBelow(to)).toEqual(files)
    expect(report.files.map(({ file }) => file).toSorted()).toEqual(files)
    for (const { file, bytes } of report.files) expect((await stat(join(to, file))).size).toBe(bytes)
    expect(report).toMatchObject({ folder: to, sharedBytes: 0, bytes: report.files.reduce((sum, { bytes }) => sum + bytes, 0) })
  })

  it('is opened again as a checkpoint, and computes the same', async () => {
    const { checkpoint, to } = await exported()
    const { model } = await bert().build(await open(to), { head: 'question-answering' })
    const { model: original } = await bert().build(checkpoint, { head: 'question-answering' })
    expect(model!.inputs).toEqual(original!.inputs)
    const [ours, theirs] = [await compile(backend, original!), await compile(backend, model!)]
    const row = (...values: number[]) => ({ dtype: 'int64', shape: [1, values.length], values: BigInt64Array.from(values, BigInt), data: async () => BigInt64Array.from(values, BigInt) }) as never
    const feeds = { input_ids: row(2, 17, 4, 3), attention_mask: row(1, 1, 1, 1), token_type_ids: row(0, 0, 0, 0) }
    expect(await run(theirs, feeds)).toEqual(await run(ours, feeds))
  })

  it('has sizes of batch and sequence that are open', async () => {
    const { to } = await exported()
    const { inputs, outputs } = await readOnnx(join(to, 'onnx/model.onnx'))
    for (const { shape } of [...inputs, ...outputs]) expect(shape).toEqual(['batch', 'sequence'])
  })

  it('tells transformers.js where the weights lie and of what precision they are', async () => {
    const { to } = await exported()
    expect((await configOf(to))['transformers.js_config']).toEqual({ dtype: 'fp32', use_external_data_format: { 'model.onnx': 1 } })
  })

  it('keeps what else the config says', async () => {
    const { checkpoint, to } = await exported()
    const { 'transformers.js_config': _, ...config } = await configOf(to)
    expect(config).toEqual(checkpoint.config)
  })

  it('names the class of the head that was exported', async () => {
    const { checkpoint } = await built('bert/masked-lm')
    const to = join(await temporaryFolder(), 'base')
    await exportModel({ checkpoint, graphs: await bert().build(checkpoint, { head: 'base' }), to, head: 'base' })
    expect((await configOf(to))['architectures']).toEqual(['BertModel'])
    expect(headOf((await open(to)).config)).toBe('base')
  })

  it.each([
    ['int8', 'q8', 'model_quantized.onnx'],
    ['uint8', 'q8', 'model_quantized.onnx'],
    ['float16', 'fp16', 'model_fp16.onnx'],
    ['float32', 'fp32', 'model.onnx'],
  ] as const)('names weights of %s as the Hugging Face tools do: %s, %s', async (dtype, precision, name) => {
    const builder = new GraphBuilder('narrow')
    builder.output('last_hidden_state', Cast(builder.constant(lazyConstant(dtype, [64, 128], async () => new Uint8Array(byteLength(dtype, [64, 128]))), 'weight'), { to: 'float32' }))
    const { to } = await exported({ graphs: { model: builder.build() } })
    expect(await filesBelow(join(to, 'onnx'))).toEqual([name, `${name}_data`])
    expect((await configOf(to))['transformers.js_config']).toEqual({ dtype: precision, use_external_data_format: { [name]: 1 } })
    expect((await open(to)).graph).toBe(`onnx/${name}`)
  })

  it('takes sentence-transformers modules, settings and licence along, and neither pickles nor other weights', async () => {
    const folder = await folderOf('bert/base')
    const extra = {
      'modules.json': JSON.stringify([{ idx: 0, name: '0', path: '', type: 'sentence_transformers.models.Transformer' }, { idx: 1, name: '1', path: '1_Pooling', type: 'sentence_transformers.models.Pooling' }, { path: '../outside' }, null]),
      'sentence_bert_config.json': '{"max_seq_length":32}',
      '1_Pooling/config.json': '{"pooling_mode_mean_tokens":true}',
      '1_Pooling/pytorch_model.bin': 'pickle',
      'generation_config.json': '{}',
      'special_tokens_map.json': '{}',
      'vocab.txt': '[PAD]\n',
      LICENSE: 'terms',
      'pytorch_model.bin': 'pickle',
      'tf_model.h5': 'other weights',
      'notes.txt': 'private',
    }
    for (const [file, content] of Object.entries(extra)) {
      await mkdir(join(folder, file, '..'), { recursive: true })
      await writeFile(join(folder, file), content)
    }
    const checkpoint = await open(folder)
    const { to } = await exported({ checkpoint, graphs: await bert().build(checkpoint, { head: 'base' }) })
    expect((await filesBelow(to)).filter((file) => file in extra)).toEqual(['1_Pooling/config.json', 'LICENSE', 'generation_config.json', 'modules.json', 'sentence_bert_config.json', 'special_tokens_map.json', 'vocab.txt'])
  })

  it('holds standard operators only when it shall be portable', async () => {
    const { to } = await exported({ portable: true })
    const { nodes } = await readOnnx(join(to, 'onnx/model.onnx'))
    expect(nodes.filter(({ op }) => op.includes('::'))).toEqual([])
  })

  it('cannot be portable with an operator that has no standard form', async () => {
    const { checkpoint, graphs } = await built()
    const graph = graphs['model']!
    const odd = { ...graph, nodes: [...graph.nodes, { op: 'com.example::Odd', inputs: [], outputs: ['odd'], attributes: {} }] }
    const to = join(await temporaryFolder(), 'exported')
    await expect(exportModel({ checkpoint, graphs: { model: odd }, to, portable: true })).rejects.toThrow(InvalidGraphError)
    expect(await filesBelow(join(to, '..'))).toEqual([])
  })

  it('does not copy weights when it may link them', async () => {
    const { checkpoint, to, report } = await exported({ link: true })
    const weights = await stat(await checkpoint.path('model.safetensors'))
    expect(report.sharedBytes).toBe(weights.size)
    expect(report.files.find(({ file }) => file === 'onnx/model.onnx_data')!.origin).toMatch(/^(linked|cloned)$/)
    expect((await open(to)).graph).toBe('onnx/model.onnx')
  })

  it('holds files and no links, also from a cache that is made of links', async () => {
    const source = await folderOf('bert/base')
    const repository = join(await temporaryFolder(), 'models--owner--name')
    const [blobs, snapshot] = [join(repository, 'blobs'), join(repository, 'snapshots', 'revision')]
    await mkdir(blobs, { recursive: true })
    await mkdir(snapshot, { recursive: true })
    for (const [index, file] of (await readdir(source)).entries()) {
      await writeFile(join(blobs, String(index)), await readFile(join(source, file)))
      await symlink(join('..', '..', 'blobs', String(index)), join(snapshot, file))
    }
    const checkpoint = await open(snapshot)
    const { to } = await exported({ checkpoint, graphs: await bert().build(checkpoint, { head: 'base' }), link: true })
    for (const file of await filesBelow(to)) expect(await realpath(join(to, file))).toBe(join(await realpath(to), file))
  })

  it('says what transformers.js will miss where there is no tokenizer.json', async () => {
    const folder = await folderOf('bert/base')
    await rm(join(folder, 'tokenizer.json'))
    const checkpoint = await open(folder)
    const events: TenonEvent[] = []
    await exported({ checkpoint, graphs: await bert().build(checkpoint, { head: 'base' }), emit: (event) => events.push(event) })
    expect(events).toContainEqual({ type: 'notice', code: 'TENON_INCOMPLETE_TOKENIZER', message: expect.stringContaining('no tokenizer.json:') })
  })

  it('tells how far it is, in bytes', async () => {
    const events: TenonEvent[] = []
    await exported({ emit: (event) => events.push(event) })
    expect(events.at(-1)).toMatchObject({ type: 'progress', stage: 'writing weights', unit: 'bytes' })
  })
})

describe('where a folder is exported to', () => {
  it('may be an empty folder, and one whose parents are not there yet', async () => {
    const empty = await temporaryFolder()
    expect((await exported({ to: empty })).report.folder).toBe(empty)
    expect(await filesBelow(empty)).toContain('config.json')
    const deep = join(await temporaryFolder(), 'a', 'b')
    await exported({ to: deep })
    expect(await readdir(join(deep, '..'))).toEqual(['b'])
  })

  it('may not exist, unless it shall be replaced', async () => {
    const { to } = await exported()
    const before = await stat(join(to, 'config.json'))
    const refused = exported({ to })
    await expect(refused).rejects.toThrow(InvalidOptionError)
    await expect(refused).rejects.toThrow('pass overwrite: true')
    expect((await stat(join(to, 'config.json'))).ino).toBe(before.ino)
    await writeFile(join(to, 'stale.onnx'), '')
    await exported({ to, overwrite: true })
    expect(await filesBelow(to)).not.toContain('stale.onnx')
    expect(await readdir(join(to, '..'))).toEqual(['exported'])
  })

  it('is never a folder of something else, a file, or around the model itself', async () => {
    const { checkpoint, graphs } = await built()
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'thesis.tex'), '')
    await expect(exportModel({ checkpoint, graphs, to: folder, overwrite: true })).rejects.toThrow('which holds no model')
    await expect(exportModel({ checkpoint, graphs, to: join(folder, 'thesis.tex'), overwrite: true })).rejects.toThrow('which is a file')
    const own = join(await checkpoint.path('config.json'), '..')
    await expect(exportModel({ checkpoint, graphs, to: own, overwrite: true })).rejects.toThrow('which holds the model that is exported')
    expect(await filesBelow(own)).toContain('model.safetensors')
  })

  it('holds nothing when the work was aborted, and the older model stays', async () => {
    const { to } = await exported()
    const before = await filesBelow(to)
    const controller = new AbortController()
    await expect(exported({ to, overwrite: true, signal: controller.signal, emit: () => controller.abort() })).rejects.toThrow(AbortedError)
    expect(await filesBelow(to)).toEqual(before)
    expect(await readdir(join(to, '..'))).toEqual(['exported'])
    await expect(exported({ signal: AbortSignal.abort() })).rejects.toThrow(AbortedError)
  })

  it('is told by options that are known', async () => {
    await expect(exported({ overwite: true } as object)).rejects.toThrow("Did you mean 'overwrite'?")
  })
})
