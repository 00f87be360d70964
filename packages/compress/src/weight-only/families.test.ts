import { fileURLToPath } from 'node:url'
import { onnx } from '@tenon/backend-onnx'
import { openFolder } from '@tenon/checkpoint'
import { tensor, viewAs, type Executable, type Graph } from '@tenon/core'
import { decoders } from '@tenon/models'
import { afterAll, describe, expect, it } from 'vitest'
import { weightOnly } from './weight-only.js'

const backend = onnx({ threads: 1 })
afterAll(() => backend.dispose?.())

const ids = Array.from({ length: 9 }, (_, index) => (index * 23 + 7) % 90)
const compile = (graph: Graph): Promise<Executable> => backend.compile(graph, {}, { emit: () => undefined })

/** Logits of each token, read some at a time. */
async function read(graph: Graph, chunks: readonly number[]): Promise<readonly number[]> {
  await using executable = await compile(graph)
  const cache = Object.fromEntries(executable.inputs.filter(({ name }) => name.startsWith('past')).map(({ name, shape }) => [name, tensor('float32', [1, shape[1] as number, 16, shape[3] as number], new Float32Array((shape[1] as number) * 16 * (shape[3] as number)))]))
  const rows: number[] = []
  let start = 0
  for (const length of chunks) {
    const { logits } = await executable.run({
      input_ids: tensor('int64', [1, length], BigInt64Array.from(ids.slice(start, start + length), BigInt)),
      lengths: tensor('int32', [1], Int32Array.of((start += length))),
      logit_positions: tensor('int64', [length], BigInt64Array.from({ length }, (_, place) => BigInt(place))),
      ...cache,
    })
    using result = logits!
    rows.push(...((await result.data()) as Float32Array))
  }
  return rows
}

const furthest = (values: readonly number[], others: readonly number[]): number => Math.max(Math.abs(values.length - others.length), ...values.map((value, index) => Math.abs(value - others[index]!)))

// What is done for decoding (products merged, texts not laid end to end, projections packed) depends on how a family writes its layers.
describe.each(decoders())('$name in few bits', (family) => {
  it.each([4, 8] as const)('of %i bits gives with what is made for decoding the logits that it gives without', async (bits) => {
    const folder = fileURLToPath(new URL(`../../../models/fixtures/${family.name}/base`, import.meta.url))
    await using checkpoint = await openFolder(folder)
    const { decoder } = await family.build(checkpoint, { head: 'causal-lm', roles: ['decoder'] })
    const { pass, prepare } = weightOnly({ cache: false, smallest: 0, bits, blockSize: 16 })
    const plain = pass({}, 'decoder').apply(decoder!)
    const prepared = (await prepare!({ decoder: plain }, {}, { checkpoint, emit: () => undefined }))['decoder']!
    expect(prepared.nodes.length).toBeLessThan(plain.nodes.length)
    for (const chunks of [[4, 5], [1, 1, 7]]) {
      const [made, without] = [await read(prepared, chunks), await read(plain, chunks)]
      // Experts' products of a few rows each are summed in another order where they are merged.
      expect(furthest(made, without)).toBeLessThanOrEqual(family.name === 'qwen2_moe' ? 1e-5 : 0)
    }
  })

  it('reads prompts in bytes over texts that are not laid end to end, with the same logits to the bit', async () => {
    const folder = fileURLToPath(new URL(`../../../models/fixtures/${family.name}/base`, import.meta.url))
    await using checkpoint = await openFolder(folder)
    const { decoder } = await family.build(checkpoint, { head: 'causal-lm', roles: ['decoder'] })
    const { pass, prepare } = weightOnly({ cache: false, smallest: 0, blockSize: 16, prefill: 'int8' })
    const plain = pass({}, 'prefill').apply(decoder!)
    const prepared = (await prepare!({ prefill: plain }, {}, { checkpoint, emit: () => undefined }))['prefill']!
    const laidEndToEnd = ({ nodes, constants }: Graph) => nodes.filter(({ op, inputs }) => op === 'Reshape' && viewAs('int64', constants.get(inputs[1]!)?.inline ?? new Uint8Array())[0] === -1n).length
    expect(plain.nodes.some(({ op }) => op.endsWith('MatMulIntegerToFloat'))).toBe(true)
    expect(laidEndToEnd(plain)).toBeGreaterThan(0)
    expect(laidEndToEnd(prepared) > 0).toBe(family.name === 'qwen2_moe') // whose experts get rows of their own
    expect(furthest(await read(prepared, [4, 5]), await read(plain, [4, 5]))).toBe(0)
  })
})
