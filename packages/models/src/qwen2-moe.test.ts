import { describe, expect, it } from 'vitest'
import { qwen2Moe } from './qwen2-moe.js'
import { describeDecoder, graphsOf } from './test-decoding.js'
import { fixturesOf } from './test-support.js'

describeDecoder(qwen2Moe())

const graphOf = async (name: string) => (await graphsOf(qwen2Moe(), fixturesOf('qwen2_moe')(name, 'causal-lm'))).decoder

describe('the experts of a Qwen2-MoE', () => {
  it.each([
    ['base', 2],
    ['every-second', 1],
    ['dense-layer', 1],
  ])('are in the layers that the config says, and only those chosen compute: %s', async (name, count) => {
    expect((await graphOf(name)).nodes.filter(({ op }) => op === 'com.microsoft::MoE')).toHaveLength(count)
  })

  it('are the same out of one tensor as out of one for each', async () => {
    const [apart, together] = [(await graphOf('base')).constants, (await graphOf('fused')).constants]
    for (const name of ['gates_and_layers', 'down_proj']) {
      const path = `model.layers.1.mlp.experts.${name}`
      expect(apart.get(path)).toBeDefined()
      expect(await together.get(path)!.bytes()).toEqual(await apart.get(path)!.bytes())
    }
  })
})
