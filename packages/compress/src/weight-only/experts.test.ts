import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onnx } from '@tenon/backend-onnx'
import { openFolder, writeSafetensors } from '@tenon/checkpoint'
import { inlineConstant, tensor, type Checkpoint, type Constant, type Executable, type Graph, type Graphs } from '@tenon/core'
import { lower } from '@tenon/graph/passes'
import { qwen2Moe } from '@tenon/models/qwen2-moe'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { normal, relativeError } from '../test-support.js'
import { dequantizeBlocks } from './dequantize-blocks.js'
import { expertsOf } from './experts-of.js'
import type { WeightOnlyOptions } from './options.js'
import { weightOnly } from './weight-only.js'
import { quantizeBlocks } from './weight-only-pass.js'

const [HIDDEN, INNER, EXPERTS, CHOSEN, LAYERS, WORDS] = [128, 64, 6, 2, 2, 96]
const backend = onnx({ threads: 2 })
let folder: string
let checkpoint: Checkpoint

/** A Qwen2-MoE whose scores differ enough that experts weigh differently. */
async function writeModel(): Promise<void> {
  const shapes: [string, readonly number[]][] = [['model.embed_tokens.weight', [WORDS, HIDDEN]], ['model.norm.weight', [HIDDEN]], ['lm_head.weight', [WORDS, HIDDEN]]]
  for (let layer = 0; layer < LAYERS; layer++) {
    const at = (name: string, ...shape: number[]) => shapes.push([`model.layers.${layer}.${name}`, shape])
    at('input_layernorm.weight', HIDDEN)
    at('post_attention_layernorm.weight', HIDDEN)
    for (const part of ['q_proj', 'k_proj', 'v_proj']) {
      at(`self_attn.${part}.weight`, HIDDEN, HIDDEN)
      at(`self_attn.${part}.bias`, HIDDEN)
    }
    at('self_attn.o_proj.weight', HIDDEN, HIDDEN)
    at('mlp.gate.weight', EXPERTS, HIDDEN)
    at('mlp.shared_expert_gate.weight', 1, HIDDEN)
    for (const of of ['shared_expert', ...Array.from({ length: EXPERTS }, (_, expert) => `experts.${expert}`)]) {
      at(`mlp.${of}.gate_proj.weight`, INNER, HIDDEN)
      at(`mlp.${of}.up_proj.weight`, INNER, HIDDEN)
      at(`mlp.${of}.down_proj.weight`, HIDDEN, INNER)
    }
  }
  const numbers = (shape: readonly number[], seed: number) => (shape.length === 1 ? new Float32Array(shape[0]!).fill(1) : normal([shape[0]!, shape[1]!], seed).map((value) => value * 1.5 / Math.sqrt(shape[1]!)))
  await writeSafetensors(join(folder, 'model.safetensors'), shapes.map(([name, shape], index): [string, Constant] => [name, inlineConstant('float32', shape, numbers(shape, index + 1))]))
  await writeFile(join(folder, 'config.json'), JSON.stringify({
    model_type: 'qwen2_moe', hidden_size: HIDDEN, num_hidden_layers: LAYERS, num_attention_heads: 4, num_key_value_heads: 4, vocab_size: WORDS, intermediate_size: 64, moe_intermediate_size: INNER,
    shared_expert_intermediate_size: INNER, num_experts: EXPERTS, num_experts_per_tok: CHOSEN, max_position_embeddings: 64, rms_norm_eps: 1e-6, rope_theta: 10_000, hidden_act: 'silu', tie_word_embeddings: false,
  }))
}

beforeAll(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'tenon-experts-')), 'model')
  await mkdir(folder)
  await writeModel()
  checkpoint = await openFolder(folder)
})
afterAll(async () => {
  await checkpoint[Symbol.asyncDispose]()
  await backend.dispose?.()
  await rm(join(folder, '..'), { recursive: true, force: true })
})

const built = (of = checkpoint) => qwen2Moe().build(of, { head: 'causal-lm' })

async function compressed(options: WeightOnlyOptions, emit = (): void => undefined): Promise<Graphs> {
  const { pass, prepare } = weightOnly({ cache: join(folder, '..', 'cache'), smallest: 0, ...options })
  const graphs = await built()
  return prepare!(Object.fromEntries(['decoder', 'prefill'].map((role) => [role, pass({}, role).apply(graphs[role]!)])), {}, { checkpoint, emit })
}

const compile = (graph: Graph): Promise<Executable> => backend.compile(graph, {}, { emit: () => undefined })
const ids = Array.from({ length: 14 }, (_, index) => (index * 37 + 5) % WORDS)

/** Logits of texts that are read together, in chunks: each [tokens, words]. */
async function read(executable: Executable, texts: readonly (readonly number[])[], chunk: number): Promise<readonly number[][]> {
  const cache = Object.fromEntries(executable.inputs.filter(({ name }) => name.startsWith('past')).map(({ name, shape }) => [name, tensor('float32', [texts.length, shape[1] as number, 32, shape[3] as number], new Float32Array(texts.length * (shape[1] as number) * 32 * (shape[3] as number)))]))
  const rows = texts.map((): number[] => [])
  for (let start = 0; start < texts[0]!.length; start += chunk) {
    const now = texts.map((text) => text.slice(start, start + chunk))
    const length = now[0]!.length
    const { logits } = await executable.run({
      input_ids: tensor('int64', [texts.length, length], BigInt64Array.from(now.flat(), BigInt)),
      lengths: tensor('int32', [texts.length], new Int32Array(texts.length).fill(start + length)),
      logit_positions: tensor('int64', [length], BigInt64Array.from({ length }, (_, place) => BigInt(place))),
      ...cache,
    })
    using result = logits!
    const values = Array.from((await result.data()) as Float32Array)
    rows.forEach((row, text) => row.push(...values.slice(text * length * WORDS, (text + 1) * length * WORDS)))
  }
  return rows
}

const floats = lower({ name: 'floats', supports: ({ op }) => op !== 'com.microsoft::MatMulNBits' })
const products = (graph: Graph) => graph.nodes.filter(({ op }) => op === 'com.microsoft::MatMulNBits')

describe('experts in few bits', () => {
  it.each([4, 8] as const)('of %i bits are products like all others, and what chooses among them stays in floats', async (bits) => {
    const { decoder } = await compressed({ bits })
    const { layers } = expertsOf(decoder!)
    expect([...layers].every(({ op }) => op === 'com.microsoft::MatMulNBits')).toBe(true)
    expect(layers.size).toBe(LAYERS * EXPERTS * 2) // gates and what they let through are one product
    expect([...decoder!.constants.keys()].filter((name) => name.includes('mlp.gate.'))).toEqual([0, 1].map((layer) => `model.layers.${layer}.mlp.gate.weight`))
  })

  it.each([[4, 32], [4, 128], [8, 64]] as const)('of %i bits in blocks of %i compute with the numbers that their blocks stand for', async (bits, blockSize) => {
    const { decoder } = await compressed({ bits, blockSize, head: { bits, blockSize } })
    const isRouter = (name: string) => name.includes('mlp.gate.')
    const constants = new Map(Array.from(checkpoint.constants, ([name, constant]) => [name, constant.shape.length < 2 || isRouter(name) || name.includes('embed') ? constant : dequantizeBlocks(quantizeBlocks(constant, 0, { bits, blockSize }), constant.shape[0]!, constant.shape[1]!)] as const))
    const meant = (await built({ ...checkpoint, constants })).decoder!
    const [expected] = await read(await compile(meant), [ids], ids.length)
    const [exact] = await read(await compile(floats.apply(decoder!)), [ids], ids.length)
    expect(Math.max(...exact!.map((value, index) => Math.abs(value - expected![index]!)))).toBeLessThan(1e-5)
    const [rounded] = await read(await compile(decoder!), [ids], ids.length)
    const error = relativeError(Float32Array.from(rounded!), Float32Array.from(expected!))
    expect(error).toBeGreaterThan(0)
    expect(error).toBeLessThan(0.05)
  })

  it.each([[4, 'int8'], [8, 'int8'], [8, 'int16']] as const)('of %i bits, with activations in %s, give the same to the bit however a prompt is cut, and whoever else is read', async (bits, activations) => {
    const { decoder } = await compressed({ bits, activations })
    const executable = await compile(decoder!)
    const [whole] = await read(executable, [ids], ids.length)
    for (const chunk of [2, 4, 6]) expect((await read(executable, [ids], chunk))[0], `in chunks of ${chunk}`).toEqual(whole)
    const texts = [ids, ids.toReversed(), ids.map((id) => (id * 5 + 1) % WORDS)]
    const company = await read(executable, texts, 1)
    for (const [index, text] of texts.entries()) expect((await read(executable, [text], 1))[0]).toEqual(company[index])
  })

  it('are kept once: the decoder reads prompts itself, unless a form for prompts is asked for, in which experts are the same', async () => {
    const one = await compressed({ bits: 4 })
    expect(one['prefill']).toBe(one['decoder'])
    const two = await compressed({ bits: 4, prefill: 'int8' })
    expect(two['prefill']).not.toBe(two['decoder'])
    const [reading, writing] = [two['prefill']!, two['decoder']!].map((graph) => Array.from(graph.constants.keys()).filter((name) => name.includes('.experts.') && graph.constants.get(name)!.dtype === 'uint8').map((name) => graph.constants.get(name)!.file))
    expect(writing).toHaveLength(LAYERS * EXPERTS * 2)
    expect(new Set(reading!.map((file) => file?.path)).size).toBe(1)
    expect(writing!.every((file) => reading!.some((other) => other?.path === file?.path && other?.offset === file?.offset))).toBe(true)
    expect(products(two['prefill']!).length).toBeGreaterThanOrEqual(LAYERS * EXPERTS * 3)
    const [rows] = await read(await compile(two['prefill']!), [ids], 4)
    expect(rows!.every(Number.isFinite)).toBe(true)
  })
})
