import { describe, expect, it } from 'vitest'
import { llama } from './llama.js'
import { Decoding, describeDecoder, graphsOf, references, rowsApart } from './test-decoding.js'
import { backend } from './test-conformance.js'
import { compile, fixturesOf, tolerance } from './test-support.js'

describeDecoder(llama(), { growing: ['dynamic'] })

const of = fixturesOf('llama')

describe('a Llama with dynamic scaling', () => {
  /** How far the logits of a text are from those that it gets when it is read at once, if it is read in two parts. */
  async function apartInParts(length: number, first: number): Promise<number> {
    const { decoder } = await graphsOf(llama(), of('dynamic', 'causal-lm'))
    const executable = await compile(backend, decoder)
    const ids = (await references(of('dynamic', 'causal-lm')))[0]!.ids.slice(0, length)
    const whole = await new Decoding(executable, 1, 32).read(0, ids)
    const parts = new Decoding(executable, 1, 32)
    return rowsApart([...(await parts.read(0, ids.slice(0, first))), ...(await parts.read(0, ids.slice(first)))], whole)
  }

  it('reads a text no longer than it was trained on in any parts', async () => {
    expect(await apartInParts(16, 9)).toBeLessThan(tolerance.float32)
  })

  it('turns what is read together by the length of the text so far, as transformers does, and so longer ones are others in parts', async () => {
    expect(await apartInParts(22, 9)).toBeGreaterThan(1e-2)
  })

  it('has no tables of angles, which depend on the length', async () => {
    const tables = async (name: string) => [...(await graphsOf(llama(), of(name, 'causal-lm'))).model.constants.keys()].filter((each) => each.startsWith('rotary.'))
    expect(await tables('dynamic')).toEqual([])
    expect(await tables('base')).toEqual(['rotary.cosines', 'rotary.sines'])
  })
})
