import { tensor, type Encoding, type Executable, type Graph, type Tensor, type ValueInfo } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { checkEncoderInputs, runEncoder } from './run-encoder.js'

const input = (name: string, shape: ValueInfo['shape'] = ['batch', 'sequence']): ValueInfo => ({ name, dtype: 'int64', shape })
const inputs = [input('input_ids'), input('attention_mask'), input('places', ['count'])]

describe('an input beyond an encoder’s own', () => {
  it('is refused where nobody feeds it', () => {
    const graph = { inputs } as unknown as Graph
    expect(() => checkEncoderInputs(graph, 'model')).toThrow("model has a graph with the input 'places'")
    expect(() => checkEncoderInputs(graph, 'model', ['places'])).not.toThrow()
  })

  it('is fed with what is made of a run’s rows, beside them', async () => {
    const fed: Record<string, Tensor>[] = []
    const executable = { inputs, run: async (feeds: Record<string, Tensor>) => (fed.push(feeds), {}) } as unknown as Executable
    const encodings = [[5, 6], [7, 8, 9], [1]].map((ids) => ({ ids }) as unknown as Encoding)
    const places = (rows: readonly Encoding[], length: number) => tensor('int64', [rows.length], BigInt64Array.from(rows, ({ ids }, row) => BigInt(row * length + ids.length - 1)))
    const seen: number[][] = []
    for await (const { indices } of runEncoder(executable, encodings, { pad: 0, batchTokens: 6, feeds: { places } })) seen.push([...indices])
    expect(seen.flat().toSorted()).toEqual([0, 1, 2])
    for (const [run, indices] of seen.entries()) {
      const ids = (await fed[run]!['input_ids']!.data()) as BigInt64Array
      const last = (await fed[run]!['places']!.data()) as BigInt64Array
      expect(Array.from(last, (place) => Number(ids[Number(place)]))).toEqual(indices.map((index) => encodings[index]!.ids.at(-1)))
    }
  })
})
