import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { qwen2Moe } from './qwen2-moe.js'
import { describeDecoder, graphsOf } from './test-decoding.js'
import { fixturesOf } from './test-support.js'

describeDecoder(qwen2Moe())

const graphOf = async (name: string) => (await graphsOf(qwen2Moe(), fixturesOf('qwen2_moe')(name, 'causal-lm'))).decoder

const EXPERTS = 5

describe('the experts of a Qwen2-MoE', () => {
  it.each([
    ['base', 2],
    ['every-second', 1],
    ['dense-layer', 1],
  ])('are in the layers that the config says, three layers each over the rows it was chosen for: %s', async (name, count) => {
    const { nodes } = await graphOf(name)
    const parts = new Set(nodes.filter(({ op, outputs }) => op === 'Split' && outputs.length === EXPERTS).flatMap(({ outputs }) => outputs))
    expect(nodes.filter(({ op, inputs }) => op === 'Gemm' && parts.has(inputs[0]!))).toHaveLength(count * EXPERTS * 3)
  })

  it('are the same out of one tensor as out of one for each, and lie in the file either way', async () => {
    const [apart, together] = [(await graphOf('base')).constants, (await graphOf('fused')).constants]
    for (const [name, each, place] of [['gate_proj', 2, 0], ['up_proj', 2, 1], ['down_proj', 1, 0]] as const) {
      for (let expert = 0; expert < EXPERTS; expert++) {
        const own = apart.get(`model.layers.1.mlp.experts.${expert}.${name}.weight`)!
        const part = together.get(`model.layers.1.mlp.experts.${each === 2 ? 'gate_up_proj' : 'down_proj'}.${each * expert + place}`)!
        const bytes = await part.bytes()
        expect(bytes).toEqual(await own.bytes())
        expect(part.shape).toEqual(own.shape)
        const { path, offset } = part.file!
        expect((await readFile(path)).subarray(offset, offset + part.byteLength).equals(bytes)).toBe(true)
      }
    }
  })
})
