import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { InvalidOptionError, MissingFileError } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { files } from './files.js'
import { openFolder } from './folder.js'
import { safetensorsBytes, temporaryFolder } from './test-support.js'
import { chooseModel, graphFiles, type Variant } from './variants.js'

const chosen = (names: readonly string[], variant?: Variant) => chooseModel('/model', new Set(names), variant)
const suffixes: Record<string, string> = { fp32: '', fp16: '_fp16', q8: '_quantized', int8: '_int8', uint8: '_uint8', q4: '_q4', q4f16: '_q4f16', bnb4: '_bnb4' }
const all = Object.values(suffixes).map((suffix) => `onnx/model${suffix}.onnx`)

describe('what stands for a model', () => {
  it('is its weights, whatever graphs there are', () => {
    expect(chosen(['model.safetensors', ...all])).toEqual({ weights: 'model.safetensors' })
    expect(chosen(['model.safetensors.index.json', 'model-1-of-2.safetensors', ...all])).toEqual({ weights: 'model.safetensors.index.json' })
  })

  it('is, without weights, the first graph in the order of precision', () => {
    const left = [...all]
    const order: string[] = []
    for (let next = chosen(left); next !== undefined && 'graph' in next; next = left.length === 0 ? undefined : chosen(left)) {
      order.push(next.graph)
      left.splice(left.indexOf(next.graph), 1)
    }
    expect(order).toEqual(['', '_quantized', '_int8', '_uint8', '_fp16', '_q4', '_q4f16', '_bnb4'].map((suffix) => `onnx/model${suffix}.onnx`))
  })

  it('is the graph of the variant asked for, in the folder onnx before the top, as optimum writes it too', () => {
    for (const [variant, suffix] of Object.entries(suffixes) as [Variant, string][]) expect(chosen(['model.safetensors', ...all], variant)).toEqual({ graph: `onnx/model${suffix}.onnx` })
    expect(chosen(['model.onnx', 'model_quantized.onnx', 'model_optimized.onnx'])).toEqual({ graph: 'model.onnx' })
    expect(chosen(['model_quantized.onnx', 'model_optimized.onnx'])).toEqual({ graph: 'model_optimized.onnx' })
    expect(chosen(['model.onnx', 'model_quantized.onnx'], 'q8')).toEqual({ graph: 'model_quantized.onnx' })
    expect(chosen(['model.onnx', 'onnx/model.onnx'], 'fp32')).toEqual({ graph: 'onnx/model.onnx' })
  })

  it('is missing where the variant is, and the message lists the others', () => {
    expect(() => chosen(['onnx/model.onnx', 'onnx/model_q4.onnx'], 'q8')).toThrow(/model_quantized\.onnx does not exist, and the variants here are fp32, q4\. Ask for the variant fp32 or q4\./)
    expect(() => chosen(['model.safetensors'], 'q8')).toThrow(/no other exported graph does\. Leave the variant out/)
    expect(() => chosen(['model.safetensors'], 'q8')).toThrow(MissingFileError)
  })

  it('is left open where graphs have other names', () => {
    expect(chosen(['onnx/decoder_model.onnx'])).toBeUndefined()
  })
})

it("finds the files that hold a graph's weights, and not another graph's", () => {
  const names = ['onnx/model.onnx', 'onnx/model.onnx_data', 'onnx/model.onnx_data_1', 'onnx/model.onnx_data_12', 'onnx/model.onnx.data', 'onnx/model.onnx.md', 'onnx/model_q4.onnx_data', 'model.onnx_data']
  expect(graphFiles(new Set(names), 'onnx/model.onnx')).toEqual(names.slice(0, 5))
})

describe('a folder', () => {
  it('opens as the variant asked for, without constants', async () => {
    const root = await temporaryFolder()
    await writeFile(join(root, 'config.json'), '{"model_type":"bert"}')
    await writeFile(join(root, 'model.safetensors'), safetensorsBytes({ w: { dtype: 'U8', shape: [1], data_offsets: [0, 1] } }, new Uint8Array(1)))
    await writeFile(join(root, 'model_quantized.onnx'), '')
    await using weights = await openFolder(root)
    expect([weights.constants.size, weights.graph]).toEqual([1, undefined])
    await using graph = await openFolder(root, { variant: 'q8' })
    expect([graph.constants.size, graph.graph]).toEqual([0, 'model_quantized.onnx'])
    const opened = await files({ variant: 'q8' }).open(root, { emit: () => undefined })
    expect(opened).toMatchObject({ graph: 'model_quantized.onnx' })
    await expect(openFolder(root, { variant: 'q4' })).rejects.toThrow(MissingFileError)
  })

  it('refuses a variant that does not exist', async () => {
    await expect(openFolder('.', { variant: 'q5' as Variant })).rejects.toThrow(/The option 'variant' of openFolder is "q5"\. Known are: fp32, q8,/)
    expect(() => files({ variant: 'constructor' as Variant })).toThrow(InvalidOptionError)
  })
})
