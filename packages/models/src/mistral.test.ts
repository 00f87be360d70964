import { describe, expect, it } from 'vitest'
import { mistral } from './mistral.js'
import { Decoding, describeDecoder, graphsOf, rowsApart } from './test-decoding.js'
import { backend } from './test-conformance.js'
import { compile, fixturesOf } from './test-support.js'

describeDecoder(mistral())

describe('the window of a Mistral', () => {
  it('holds six tokens, the last one included: what is further away than two layers of windows does not count', async () => {
    const executable = await compile(backend, (await graphsOf(mistral(), fixturesOf('mistral')('base', 'causal-lm'))).decoder)
    const ids = Array.from({ length: 14 }, (_, index) => 10 + index)
    const last = async (change: number) => (await new Decoding(executable, 1, 16).read(0, ids.with(change, 90), [13]))[0]!
    const plain = (await new Decoding(executable, 1, 16).read(0, ids, [13]))[0]!
    // Five places back in each of two layers.
    expect(rowsApart([await last(2)], [plain])).toBe(0)
    expect(rowsApart([await last(3)], [plain])).toBeGreaterThan(0)
  })
})
