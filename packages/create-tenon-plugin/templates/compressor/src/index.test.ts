import { bytesOf, inlineConstant, InvalidOptionError, tensor, viewAs } from '@tenon/core'
import { onnx } from '@tenon/backend-onnx'
import { GraphBuilder } from '@tenon/graph'
import { MatMul } from '@tenon/graph/ops'
import { testCompressor } from '@tenon/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { pluginFunction } from './index.js'

/** Numbers from -1 to 1 that look random and are the same each time (the generator of Numerical Recipes). */
function noise(count: number, seed = 1): Float32Array {
  let state = seed
  return Float32Array.from({ length: count }, () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 31 - 1)
}

const builder = new GraphBuilder('layer')
const weight = builder.constant(inlineConstant('float32', [64, 64], noise(4096)), 'weight')
builder.output('y', MatMul(builder.input('x', 'float32', ['rows', 64]), weight))
const graph = builder.build()
const feeds = { x: tensor('float32', [2, 64], noise(128, 2)) }

testCompressor({ describe, it, afterAll }, {
  create: () => pluginFunction(),
  backend: () => onnx({ threads: 1 }),
  cases: [
    { name: 'a linear layer', graph, feeds, tolerance: 0.3 },
    { name: 'hardly anything', graph, feeds, options: { share: 0.02 }, tolerance: 0.01 },
  ],
})

describe('a pruned weight', () => {
  it('has as many zeros as were asked for, and the larger numbers as they were', async () => {
    const { constants } = pluginFunction().pass({ share: 0.25 }, 'model').apply(graph)
    const [before, after] = [noise(4096), viewAs('float32', await constants.get('weight')!.bytes())]
    expect(after.filter((value) => value === 0)).toHaveLength(1024)
    expect(after.every((value, at) => value === 0 || value === before[at])).toBe(true)
    expect(bytesOf(after)).toHaveLength(constants.get('weight')!.byteLength)
  })

  it('cannot be asked for by a wrong share', () => {
    expect(() => pluginFunction({ share: 2 })).toThrow(InvalidOptionError)
  })
})
