import { readdir, readFile, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { AutoModel, AutoModelForMaskedLM, env, Tensor, type PreTrainedModel } from '@huggingface/transformers'
import { onnx } from '@tenon/backend-onnx'
import { tensor } from '@tenon/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openCheckpoint, type Compression } from '../open-checkpoint.js'
import { silent } from '../progress.js'
import { folderOf } from '../testing/documents.js'
import { run } from '../testing/run.js'
import { tinyBert } from '../testing/tiny-bert.js'

const IDS = [2, 17, 4, 31, 60, 3]

let model: Awaited<ReturnType<typeof tinyBert>>
let folder: Awaited<ReturnType<typeof folderOf>>
const backend = onnx({ threads: 1 })
beforeAll(async () => {
  model = await tinyBert()
  folder = await folderOf({})
  env.allowRemoteModels = false
  env.localModelPath = folder.path
})
afterAll(async () => {
  await model[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
  await backend.dispose?.()
})

const row = (values: readonly number[]) => BigInt64Array.from(values, BigInt)

/** The first output that transformers.js computes. */
async function theirs(exported: PreTrainedModel): Promise<Float32Array> {
  const feed = (values: readonly number[]) => new Tensor('int64', row(values), [1, values.length])
  const outputs = (await exported({ input_ids: feed(IDS), attention_mask: feed(IDS.map(() => 1)), token_type_ids: feed(IDS.map(() => 0)) })) as Record<string, Tensor>
  await exported.dispose()
  return Object.values(outputs)[0]!.data as Float32Array
}

/** The same by way of our own backend, from the checkpoint. */
async function ours(head: string, compress?: Compression): Promise<Float32Array> {
  await using opened = await openCheckpoint({ model: model.path, signal: new AbortController().signal, progress: silent })
  await using executable = await backend.compile((await opened.build(head, compress))['model']!, {}, { emit() {} })
  const feed = (values: readonly number[]) => tensor('int64', [1, values.length], row(values))
  const outputs = await executable.run({ input_ids: feed(IDS), attention_mask: feed(IDS.map(() => 1)), token_type_ids: feed(IDS.map(() => 0)) })
  return (await Object.values(outputs)[0]!.data()) as Float32Array
}

const apart = (a: Float32Array, b: Float32Array) => (a.length === b.length ? Math.max(...a.map((value, index) => Math.abs(value - b[index]!))) : Infinity)

describe('export', () => {
  it('writes what transformers.js loads, and it answers as we do', async () => {
    const to = join(folder.path, 'plain')
    const { code, stdout, stderr } = await run(['export', model.path, '--to', to])
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('tokenizer') })
    expect(stdout).toMatch(/✓ .+plain\n/)
    expect(stdout).toMatch(/ {2}\d+ kB {2}onnx\/model\.onnx_data\n/)
    expect(stdout).toMatch(/a bert with the head 'masked-lm': \d+ kB in /)
    expect(apart(await theirs(await AutoModelForMaskedLM.from_pretrained(basename(to), { local_files_only: true })), await ours('masked-lm'))).toBeLessThan(1e-4)
  })

  it('compresses to 8 bits, which transformers.js finds without being told', async () => {
    const to = join(folder.path, 'int8')
    const { code, stdout } = await run(['export', model.path, '--to', to, '--compress', 'int8', '--task', 'feature-extraction', '--json'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ model: model.path, family: 'bert', head: 'base', folder: to, sharedBytes: 0, files: [{ file: 'onnx/model_quantized.onnx', origin: 'written' }, { file: 'onnx/model_quantized.onnx_data' }, { file: 'config.json' }] })
    const quantized = await ours('base', 'int8')
    expect(apart(quantized, await ours('base'))).toBeGreaterThan(1e-4) // it is the quantised one
    expect(apart(await theirs(await AutoModel.from_pretrained(basename(to), { local_files_only: true })), quantized)).toBeLessThan(1e-4)
  })

  it('compresses in standard operators as well', async () => {
    const to = join(folder.path, 'portable')
    expect((await run(['export', model.path, '--to', to, '--compress', 'int8', '--head', 'base', '--portable', '--quiet'])).code).toBe(0)
    const { ops } = JSON.parse((await run(['inspect', join(to, 'onnx/model_quantized.onnx'), '--json'])).stdout).graph
    expect(Object.keys(ops).filter((op) => op.includes('::'))).toEqual([])
    expect(apart(await theirs(await AutoModel.from_pretrained(basename(to), { local_files_only: true })), await ours('base', 'int8'))).toBeLessThan(1e-4)
  })

  it('shares the weights when asked to, and says so', async () => {
    const to = join(folder.path, 'linked')
    const { stdout } = await run(['export', model.path, '--to', to, '--link'], { columns: 100 })
    expect(stdout).toMatch(/onnx\/model\.onnx_data +share(s|d) /)
    expect(stdout).toMatch(/\d+ kB of them not copied/)
    expect((await stat(join(to, 'onnx/model.onnx_data'))).size).toBe((await stat(join(model.path, 'model.safetensors'))).size)
  })

  it('replaces an older export only when asked to', async () => {
    const to = join(folder.path, 'twice')
    await run(['export', model.path, '--to', to])
    const refused = await run(['export', model.path, '--to', to])
    expect(refused).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/TENON_INVALID_OPTION .*which exists\n {2}.*overwrite/) })
    expect((await run(['export', model.path, '--to', to, '--overwrite', '--head', 'base'])).code).toBe(0)
    expect(JSON.parse(await readFile(join(to, 'config.json'), 'utf8'))).toMatchObject({ architectures: ['BertModel'] })
  })

  it('leaves nothing behind when it is stopped', async () => {
    const to = join(folder.path, 'stopped')
    const { code } = await run(['export', model.path, '--to', to], { signal: AbortSignal.abort() })
    expect(code).toBe(130)
    expect(await readdir(dirname(to))).not.toContain('stopped')
  })

  it.each([
    [['export', '--to', 'y'], "missing required argument 'model'"],
    [['export', 'x'], "required option '--to <folder>' not specified"],
    [['export', 'x', '--to', 'y', '--compress', 'int7'], "option '--compress <kind>' argument 'int7' is invalid"],
    [['export', 'x', '--to', 'y', '--task', 'fill-mask', '--head', 'base'], 'A task was named, and a head too'],
  ])('teaches how to export when called as %j', async (argv, message) => {
    const { code, stderr } = await run(argv)
    expect(code).toBe(2)
    expect(stderr).toContain(message)
  })

  it('tells what else there is for a head, a task or a family that is not there', async () => {
    const to = join(folder.path, 'never')
    expect((await run(['export', model.path, '--to', to, '--head', 'translation'])).stderr).toMatch(/TENON_NO_SUCH_HEAD .*\n {2}Choose one of: base, masked-lm/)
    expect((await run(['export', model.path, '--to', to, '--task', 'fil-mask'])).stderr).toContain("Did you mean 'fill-mask'?")
    expect((await run(['export', model.path, '--to', to, '--task', 'question-answering'])).stderr).toMatch(/TENON_WEIGHT_MISMATCH .*qa_outputs\.weight/)
    await using other = await tinyBert({ model_type: 'brt' })
    expect((await run(['export', other.path, '--to', to])).stderr).toMatch(/TENON_NO_SUCH_FAMILY .*\n {2}Did you mean 'bert'\?/)
    expect(await readdir(folder.path)).not.toContain('never')
  })
})
