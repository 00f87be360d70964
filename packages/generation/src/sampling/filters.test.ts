import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import * as fc from 'fast-check'
import { filter, type Filters } from './candidates.js'
import { createSampler, type SamplingOptions } from './index.js'
import { draw } from './draw.js'
import { greatest } from './greatest.js'
import { largest } from './largest.js'
import { logSoftmax } from './log-softmax.js'

interface Fixture {
  readonly prompt: readonly number[]
  readonly generated: readonly number[]
  readonly scores: Readonly<Record<string, readonly number[]>>
  readonly logprobs: Readonly<Record<string, readonly number[]>>
  readonly cases: readonly { readonly scores: string; readonly options: SamplingOptions; readonly left: readonly number[]; readonly values: readonly number[] }[]
}

const fixture = JSON.parse(readFileSync(new URL('../../fixtures/sampling.json', import.meta.url), 'utf8')) as Fixture
const context = { tokens: [...fixture.prompt, ...fixture.generated], promptLength: fixture.prompt.length }
const off: Filters = { temperature: 1, topK: 0, topP: 1, minP: 0, typicalP: 1 }

/** What is left of the logits, as transformers' processors leave scores. */
function scoresLeft(given: readonly number[], options: SamplingOptions): { tokens: number[]; values: number[] } {
  const logits = Float32Array.from(given)
  createSampler(options).process(logits, context)
  const filters = { ...off, ...options } as Filters
  const tokens = [...filter(logits, logits[greatest(logits, 'model')]!, filters).tokens]
  return { tokens, values: tokens.map((token) => logits[token]! / filters.temperature) }
}

describe('scores after penalties and filters', () => {
  it.each(fixture.cases.map((each) => [`${each.scores}, ${JSON.stringify(each.options)}`, each] as const))('are what transformers makes of them: %s', (_, { scores, options, left, values }) => {
    const { tokens, values: own } = scoresLeft(fixture.scores[scores]!, options)
    expect(tokens).toEqual(left)
    own.forEach((value, index) => expect(Math.abs(value - values[index]!)).toBeLessThan(2e-6))
  })

  it('take frequency and presence of generated tokens into account, not of the prompt', () => {
    const logits = Float32Array.from(fixture.scores.flat!)
    createSampler({ frequencyPenalty: 0.5, presencePenalty: -0.25 }).process(logits, context)
    logits.forEach((logit, token) => {
      const count = fixture.generated.filter((each) => each === token).length
      expect(logit).toBeCloseTo(fixture.scores.flat![token]! - 0.5 * count + (count > 0 ? 0.25 : 0), 6)
    })
  })

  it('are filtered as by sorting, for any scores, many of them equal', () => {
    const scores = fc.array(fc.oneof(fc.integer({ min: -3, max: 3 }), fc.integer({ min: -2000, max: 2000 }).map((value) => value / 128), fc.constant(-Infinity)), { minLength: 1, maxLength: 300 }).filter((values) => values.some((value) => value > -Infinity))
    fc.assert(
      fc.property(scores, fc.integer({ min: 0, max: 310 }), fc.integer({ min: 1, max: 20 }), (values, topK, twentieths) => {
        const logits = Float32Array.from(values)
        const most = Math.max(...logits)
        const sorted = [...logits].filter((value) => value > -Infinity).sort((a, b) => b - a)
        const threshold = topK === 0 ? -Infinity : sorted[Math.min(topK, sorted.length) - 1]!
        const byK = [...logits.keys()].filter((token) => logits[token]! > -Infinity && logits[token]! >= threshold)
        expect([...filter(logits, most, { ...off, topK }).tokens]).toEqual(byK)

        const topP = (twentieths - 0.37) / 20
        const order = [...byK].sort((a, b) => logits[b]! - logits[a]! || a - b)
        const total = byK.reduce((sum, token) => sum + Math.exp(logits[token]! - most), 0)
        const kept: number[] = []
        let mass = 0
        for (const token of order) {
          if (mass >= topP * total) break
          kept.push(token)
          mass += Math.exp(logits[token]! - most)
        }
        // Sums made in another order may differ in the last bits: such borders prove nothing.
        fc.pre(Math.abs(mass / total - topP) > 1e-9 && Math.abs((mass - Math.exp(logits[kept.at(-1)!]! - most)) / total - topP) > 1e-9)
        expect([...filter(logits, most, { ...off, topK, topP }).tokens]).toEqual(kept.sort((a, b) => a - b))
      }),
      { numRuns: 500 },
    )
  })
})

describe('a draw from all tokens', () => {
  it('takes the token that is taken from the candidates of filters that leave all', () => {
    const scores = fc.array(fc.oneof(fc.integer({ min: -2000, max: 2000 }).map((value) => value / 128), fc.constant(-Infinity)), { minLength: 1, maxLength: 300 }).filter((values) => values.some((value) => value > -Infinity))
    fc.assert(
      fc.property(scores, fc.constantFrom(1e-310, 0.2, 1, 3), fc.integer({ min: 0, max: 2 ** 20 - 1 }), (values, temperature, place) => {
        const logits = Float32Array.from(values)
        const most = Math.max(...logits)
        const share = (place + 0.37) / 2 ** 20 // on no border of equal scores, where the last bits of a sum decide
        expect(draw(logits, most, temperature, share)).toBe(filter(logits, most, { ...off, temperature }).at(share))
      }),
      { numRuns: 500 },
    )
  })
})

describe('log-probabilities', () => {
  it.each(Object.keys(fixture.scores))('are those of PyTorch: %s', (name) => {
    const scores = Float32Array.from(fixture.scores[name]!)
    logSoftmax(scores)
    scores.forEach((value, token) => expect(Math.abs(value - fixture.logprobs[name]![token]!)).toBeLessThan(1e-6))
  })

  it('are of the distribution before penalties, whatever changed it', () => {
    for (const options of [{}, { repetitionPenalty: 5, noRepeatNgramSize: 2 }, { temperature: 1.7, topK: 9, frequencyPenalty: 1, seed: 3 }]) {
      const { token, logprob } = createSampler(options).sample(Float32Array.from(fixture.scores.peaked!), context)
      expect(Math.abs(logprob - fixture.logprobs.peaked![token]!)).toBeLessThan(1e-6)
    }
  })
})

describe('the largest scores', () => {
  it('come best first, without -Infinity, the lower token first among equals', () => {
    expect(largest(Float32Array.of(1, 3, -Infinity, 3, 2), 3)).toEqual([{ token: 1, score: 3 }, { token: 3, score: 3 }, { token: 4, score: 2 }])
    expect(largest(Float32Array.of(-Infinity, 7), 9)).toEqual([{ token: 1, score: 7 }])
  })

  it('are those of a sort', () => {
    fc.assert(
      fc.property(fc.array(fc.float({ min: -4, max: 4, noNaN: true }), { minLength: 1, maxLength: 1000 }), fc.integer({ min: 1, max: 12 }), (values, count) => {
        const scores = Float32Array.from(values)
        const expected = [...scores.keys()].sort((a, b) => scores[b]! - scores[a]! || a - b).slice(0, count)
        expect(largest(scores, count).map(({ token }) => token)).toEqual(expected)
      }),
    )
  })
})
