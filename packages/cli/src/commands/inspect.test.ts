import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Inspection } from '../inspect/inspection.js'
import { folderOf } from '../testing/documents.js'
import { run } from '../testing/run.js'
import { tinyBert } from '../testing/tiny-bert.js'
import { withoutClass } from '../testing/without-class.js'
import { textWidth } from '../text-width.js'

let model: Awaited<ReturnType<typeof tinyBert>>
beforeAll(async () => {
  model = await tinyBert()
})
afterAll(() => model[Symbol.asyncDispose]())

const inspected = async (...argv: string[]) => JSON.parse((await run(['inspect', ...argv, '--json'])).stdout) as Inspection

/** By hand, from the config: embeddings and their norm, two blocks, the head with its tied decoder. */
const BLOCK = 4 * (64 * 64 + 64) + (128 * 64 + 128) + (64 * 128 + 64) + 4 * 64
const PARAMETERS = (80 + 32 + 2) * 64 + 2 * 64 + 2 * BLOCK + (64 * 64 + 64) + 2 * 64 + 80

describe('inspect', () => {
  it('tells what a model is made of', async () => {
    const { code, stdout } = await run(['inspect', model.path], { columns: 100 })
    expect(code).toBe(0)
    expect(stdout).toMatch(/Family +bert, BertForMaskedLM\n/)
    expect(stdout).toMatch(/Head +masked-lm\n/)
    expect(stdout).toContain(`Parameters  ${PARAMETERS.toLocaleString('en')}\n`)
    expect(stdout).toMatch(/float32 +42 tensors/)
    expect(stdout).toMatch(/Inputs +input_ids: int64 \[batch, sequence\]\n/)
    expect(stdout).toMatch(/Outputs +logits: float32 \[batch, sequence, 80\]\n/)
    expect(stdout).toMatch(/onnx {2}✓ {2}\d+ nodes as they are/)
  })

  it('tells which heads the weights are enough for', async () => {
    const { heads } = await inspected(model.path)
    expect(heads.filter(({ available }) => available).map(({ head }) => head)).toEqual(['base', 'masked-lm'])
    expect(heads.length).toBeGreaterThan(5)
  })

  it('counts parameters, bytes and files', async () => {
    const { parameters, weights, files, memory } = await inspected(model.path)
    expect(parameters).toBe(PARAMETERS)
    expect(weights).toEqual([{ dtype: 'float32', tensors: 42, parameters: PARAMETERS, bytes: 4 * PARAMETERS }])
    expect(files.map(({ file }) => file)).toEqual(['config.json', 'model.safetensors'])
    expect(memory!.weights).toBeGreaterThan(4 * PARAMETERS)
    expect(memory!.weights).toBeLessThan(4.1 * PARAMETERS)
  })

  it('estimates what a run takes: as much for each text, and at least its largest values', async () => {
    const { memory } = await inspected(model.path)
    const [one, many] = memory!.activations
    expect([one!.batch, one!.tokens, many!.batch, many!.tokens]).toEqual([1, 32, 32, 32]) // the positions end at 32
    // The scores of every word for every token, twice: as rows, and as the output.
    expect(one!.bytes).toBeGreaterThanOrEqual(2 * 32 * 80 * 4)
    expect(one!.bytes).toBeLessThan(10 * 32 * 128 * 4)
    expect(many!.bytes / one!.bytes).toBeCloseTo(32, 0)
  })

  it('looks at another head', async () => {
    expect((await inspected(model.path, '--head', 'base')).graph!.outputs.map(({ name }) => name)).toEqual(['last_hidden_state'])
  })

  it('looks at an .onnx file, and the data beside it', async () => {
    await using folder = await folderOf({})
    await run(['export', model.path, '--to', join(folder.path, 'exported')])
    const whole = await inspected(model.path)
    const inspection = await inspected(join(folder.path, 'exported/onnx/model.onnx'))
    expect(inspection).toMatchObject({ family: null, head: null, heads: [], problem: null })
    expect(inspection.files.map(({ file }) => file)).toEqual(['model.onnx', 'model.onnx_data'])
    expect(inspection.graph).toEqual(whole.graph)
    expect(inspection.memory).toEqual(whole.memory)
  })

  it('looks at a folder that holds an exported graph only', async () => {
    const { family, head, weights, backends } = await inspected('@tenon/model-all-minilm-l6-v2')
    expect({ family, head }).toEqual({ family: 'bert', head: 'base' })
    expect(weights.map(({ dtype }) => dtype)).toContain('int8')
    expect(backends).toMatchObject([{ backend: 'onnx', lowered: {} }, { backend: 'tfjs' }])
  })

  it('tells what the weights of a GGUF file are stored in, and run as', async () => {
    const path = fileURLToPath(new URL('../../../checkpoint/fixtures/gguf/qwen2.gguf', import.meta.url))
    const { family, head, weights, files, problem } = await inspected(path)
    expect({ family, head, problem }).toEqual({ family: 'qwen2', head: 'causal-lm', problem: null })
    expect(weights).toMatchObject([{ dtype: 'F32', as: 'float', tensors: 26 }])
    expect(files).toMatchObject([{ file: 'qwen2.gguf', bytes: (await stat(path)).size }])
    expect((await run(['inspect', path], { columns: 100 })).stdout).toMatch(/F32 {2}26 tensors .* run as floats\n/)
  })

  it('takes the one head of a decoder whose config names no class', async () => {
    await using copy = await withoutClass('llama/base')
    expect(await inspected(copy.path)).toMatchObject({ family: 'llama', architecture: null, head: 'causal-lm', problem: null })
  })

  it('names the nearest family for one that nobody reads, beside what it can tell', async () => {
    await using other = await tinyBert({ model_type: 'brt' })
    const { code, stdout } = await run(['inspect', other.path])
    expect(code).toBe(1)
    expect(stdout).toContain(`Parameters  ${PARAMETERS.toLocaleString('en')}\n`)
    expect(stdout).toMatch(/Problem\n {2}TENON_NO_SUCH_FAMILY {2}No plugin reads the model family 'brt'/)
    expect(stdout).toContain("Did you mean 'bert'?")
  })

  it('tells which heads there are for one that is not', async () => {
    const { problem, heads } = await inspected(model.path, '--head', 'translation')
    expect(problem).toMatchObject({ code: 'TENON_NO_SUCH_HEAD', remedy: expect.stringContaining('masked-lm') })
    expect(heads.filter(({ available }) => available)).toHaveLength(2)
  })

  it('fails for what is not there', async () => {
    expect(await run(['inspect', join(model.path, 'none.onnx')])).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('TENON_MISSING_FILE') })
    expect(await run(['inspect', join(model.path, 'none')])).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('TENON_MODEL_NOT_FOUND') })
  })

  it('keeps its tables within the width', async () => {
    const { stdout } = await run(['inspect', model.path], { columns: 72 })
    for (const line of stdout.split('\n').slice(1)) expect(textWidth(line)).toBeLessThanOrEqual(72)
  })
})
