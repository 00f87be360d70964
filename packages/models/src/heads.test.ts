import { inlineConstant, type Model } from '@tenon/core'
import { verify } from '@tenon/graph'
import { afterAll, describe, expect, it } from 'vitest'
import { albert } from './albert.js'
import { bert } from './bert.js'
import { debertaV2 } from './deberta-v2.js'
import { roberta } from './roberta.js'
import { backend, wrongCases } from './test-conformance.js'
import { altered, fixturesOf, folderOf, open } from './test-support.js'

afterAll(() => backend.dispose?.())

describe('the scores of words', () => {
  it.each<[string, string, Model]>([
    ['bert', 'cls.predictions', bert()],
    ['roberta', 'lm_head', roberta()],
    ['albert', 'predictions', albert()],
    ['deberta-v2', 'cls.predictions', debertaV2()],
  ])("have the decoder's own bias where a checkpoint has untied weights: %s", async (family, place, model) => {
    const of = fixturesOf(family)(family === 'deberta-v2' ? 'legacy-masked-lm' : 'masked-lm', 'masked-lm')
    const checkpoint = await open(await folderOf(of))
    const bias = checkpoint.constants.get(`${place}.bias`)!
    // As transformers 5 saves it: the head's bias is left from before, and nothing reads it.
    const stale = inlineConstant('float32', bias.shape, new Float32Array(bias.shape[0]!).fill(7))
    const constants = new Map([...checkpoint.constants, [`${place}.decoder.bias`, bias], [`${place}.bias`, stale]])
    const build = async (weights: typeof constants) => verify((await model.build(altered(checkpoint, { tie_word_embeddings: false }, weights), { head: 'masked-lm' }))['model']!)
    expect(await wrongCases(await build(constants), of)).toEqual([])
    constants.delete(`${place}.decoder.bias`)
    expect(await wrongCases(await build(constants), of)).not.toEqual([])
  })
})
