import { expect, it } from 'vitest'

import { outputSizes } from './output-sizes.js'
import { graph } from './testing/graphs.js'

it('knows the sizes that are fixed or named like a dimension of an input, and no others', () => {
  const { inputs, outputs } = graph({ inputs: { ids: ['batch', 'length'], places: ['scored'] }, outputs: { logits: ['batch', 'scored', 96], mean: [], found: ['batch', 'count'] } })
  expect(outputSizes({ inputs, outputs })).toEqual([[{ input: 0, dimension: 0 }, { input: 1, dimension: 0 }, 96], [], undefined])
})
