import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { tensor, type Backend, type Executable, type Graph, type HostTensor, type Model } from '@tenon/core'
import { onnx } from '@tenon/backend-onnx'
import { openFolder } from '@tenon/checkpoint'
import { gpt2 } from '@tenon/models/gpt2'
import { llama } from '@tenon/models/llama'
import { mistral } from '@tenon/models/mistral'
import { qwen3 } from '@tenon/models/qwen3'
import { copyCheckpoint } from '@tenon/testing'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { tfjs } from './index.js'
import { load, testedDevices } from './testing/devices.js'

const root = fileURLToPath(new URL('../../models/fixtures/', import.meta.url))
const CAPACITY = 16

async function decoderOf(family: Model): Promise<Graph> {
  const folder = await mkdtemp(join(tmpdir(), 'tenon-tfjs-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const fixture = join(root, family.name, 'base')
  await copyCheckpoint({ name: 'base', head: 'causal-lm', folder: fixture, expected: fixture }, folder)
  const checkpoint = await openFolder(folder)
  onTestFinished(() => checkpoint[Symbol.asyncDispose]())
  return (await family.build(checkpoint, { head: 'causal-lm', roles: ['decoder'] }))['decoder']!
}

/** Reads chunks of a text into a cache: the logits after each chunk, and the cache, of which only what was read counts. */
async function read(backend: Backend<string, object>, graph: Graph, chunks: readonly (readonly number[])[]): Promise<readonly (readonly number[])[]> {
  const executable: Executable = await backend.compile(graph, {}, { emit: () => undefined })
  onTestFinished(() => executable[Symbol.asyncDispose]())
  const cache = Object.fromEntries(graph.inputs.filter(({ name }) => name.startsWith('past_key_values.')).map(({ name, shape }) => {
    const [, heads, , size] = shape as [unknown, number, unknown, number]
    return [name, tensor('float32', [1, heads, CAPACITY, size], new Float32Array(heads * CAPACITY * size).fill(7))]
  })) as Record<string, HostTensor<'float32'>>
  const all: number[][] = []
  let length = 0
  for (const chunk of chunks) {
    length += chunk.length
    const { logits } = await executable.run({
      input_ids: tensor('int64', [1, chunk.length], BigInt64Array.from(chunk, BigInt)),
      lengths: tensor('int32', [1], Int32Array.of(length)),
      logit_positions: tensor('int64', [1], BigInt64Array.of(BigInt(chunk.length - 1))),
      ...cache,
    })
    all.push(Array.from((await logits!.data()) as Float32Array))
    logits![Symbol.dispose]()
  }
  return [...all, ...Object.values(cache).map(({ values }) => Array.from(values))]
}

describe.each(testedDevices)('decoders on TensorFlow.js, %s', (device) => {
  const backend = tfjs({ devices: [device], load }) as Backend<string, object>
  const reference = onnx({ threads: 1 }) as Backend<string, object>
  afterAll(async () => {
    await backend.dispose?.()
    await reference.dispose?.()
  })

  it.each([llama(), mistral(), qwen3(), gpt2()].map((family) => [family.name, family] as const))('%s reads a text in chunks and token by token into a cache in place, as on ONNX Runtime', async (_, family) => {
    const graph = await decoderOf(family)
    const chunks = [[5, 17, 3, 60], [9, 22], [31], [2], [44, 8, 19]]
    const [actual, expected] = [await read(backend, graph, chunks), await read(reference, graph, chunks)]
    const worst = Math.max(...expected.map((row, index) => Math.max(...row.map((value, place) => Math.abs(value - actual[index]![place]!)))))
    expect(worst).toBeLessThan(1e-4)
  })
})
