import { InvalidInputError } from '@tenon/core'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createSampler } from '../sampling/index.js'
import { TextStream } from '../text/index.js'
import { BeamSearchJob } from './beam-search-job.js'
import { fakeDecoder, tokenizer } from './test-decoder.js'

function open() {
  const decoder = fakeDecoder()
  onTestFinished(() => decoder.dispose())
  return decoder
}

describe('a beam search', () => {
  it.each<[string, (logits: Float32Array) => unknown]>([
    ['forbids every token', (logits) => logits.fill(-Infinity)],
    ['gives NaN', (logits) => (logits[3] = NaN)],
    ['gives Infinity', (logits) => (logits[3] = Infinity)],
  ])('fails where a processor %s', async (_, processor) => {
    const decoder = open()
    await expect(decoder.generate({ prompt: [5, 6, 7], maxNewTokens: 8, beams: 2, processors: [processor] }).result).rejects.toMatchObject({ code: 'TENON_INVALID_LOGITS', from: 'processor' })
    expect((await decoder.generate({ prompt: [5, 6, 7], maxNewTokens: 2, beams: 2 }).result).tokens).toHaveLength(2)
  })

  it('goes on with the texts that may, where all tokens are forbidden to another', async () => {
    const decoder = open()
    const [first] = (await decoder.generate({ prompt: [5, 6, 7], maxNewTokens: 1, endTokens: [] }).result).tokens
    const processors = [(logits: Float32Array, { tokens }: { tokens: readonly number[] }) => void (tokens[3] === first && logits.fill(-Infinity))]
    const { tokens } = await decoder.generate({ prompt: [5, 6, 7], maxNewTokens: 6, endTokens: [], beams: 3, processors }).result
    expect(tokens).toHaveLength(6)
    expect(tokens[0]).not.toBe(first)
  })

  it('gives what has ended where nothing may go on', async () => {
    const processors = [(logits: Float32Array, { tokens }: { tokens: readonly number[] }) => void (tokens.length > 4 && logits.fill(-Infinity))]
    const endTokens = Array.from({ length: 12 }, (_, id) => id)
    const { tokens } = await open().generate({ prompt: [5, 6, 7], maxNewTokens: 6, endTokens, beams: 4, processors }).result
    expect(tokens.length).toBeLessThan(3)
  })

  it('knows of every slot it was given, where there is no memory for the next', async () => {
    const slot = (index: number) => ({ index, tokens: [1, 2], inUse: true, takes: 1, usedAt: 0, read: 2 })
    const job = new BeamSearchJob({
      prompt: [1, 2], maxNewTokens: 4, beams: { count: 3, lengthPenalty: 1, earlyStopping: false, best: 1 }, sampler: createSampler(), endTokens: new Set(), stopTokens: new Set(),
      text: () => new TextStream(tokenizer), stops: false, signal: undefined, onChange: () => undefined, onEnd: () => undefined,
    })
    job.rows[0]!.slot = slot(0)
    job.receive(job.rows[0]!, Float32Array.from({ length: 24 }, (_, id) => id))
    let forks = 0
    const fork = async () => {
      if (++forks > 1) throw new InvalidInputError({ what: 'the cache', problem: 'is full', remedy: 'pass less' })
      return slot(forks)
    }
    await expect(job.settle({ fork, copy: async () => undefined, release: () => undefined })).rejects.toThrow(InvalidInputError)
    expect(job.rows.map((row) => row.slot?.index)).toEqual([0, 1]) // the scheduler frees those
  })
})
