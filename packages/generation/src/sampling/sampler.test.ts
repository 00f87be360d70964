import { InvalidOptionError } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import * as fc from 'fast-check'
import { createSampler, InvalidLogitsError, type SamplingOptions } from './index.js'
import { uniform } from './random.js'
import { UnsatisfiableConstraintError } from '../constraint/unsatisfiable-constraint-error.js'

const at = (length: number) => ({ tokens: Array.from({ length }, () => 0), promptLength: 1 })
const only = (...allowed: number[]) => ({ mask: (logits: Float32Array) => logits.forEach((_, token) => (logits[token] = allowed.includes(token) ? logits[token]! : -Infinity)) })

describe('a sampler', () => {
  it.each<[string, SamplingOptions]>([
    ['nothing is set', {}],
    ['the temperature is 0', { temperature: 0, topK: 5, seed: 1 }],
    ['only one token is left', { topK: 1, seed: 1 }],
  ])('takes the most probable token, the first of equals, when %s', (_, options) => {
    const { token } = createSampler(options).sample(Float32Array.of(0, 2, 1, 2, -1), { tokens: [9], promptLength: 1 })
    expect(options.topK === 1 ? [1, 3] : [1]).toContain(token) // top-k keeps what equals the last
  })

  it('draws tokens as often as their probabilities say', () => {
    const logits = [0.3, -1, 2, 0, -Infinity, 1.2, -0.4, 1.1]
    const temperature = 1.4
    const weights = logits.map((logit) => Math.exp(logit / temperature))
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    const sampler = createSampler({ temperature, seed: 20 })
    const draws = 40_000
    const counts = logits.map(() => 0)
    for (let index = 0; index < draws; index++) counts[sampler.sample(Float32Array.from(logits), { tokens: { length: index } as number[], promptLength: 0 }).token]!++
    const expected = weights.map((weight) => (weight / total) * draws)
    expect(counts[4]).toBe(0)
    const chiSquare = counts.reduce((sum, count, token) => sum + (expected[token] === 0 ? 0 : (count - expected[token]!) ** 2 / expected[token]!), 0)
    expect(chiSquare).toBeLessThan(22.5) // 6 degrees of freedom: 0.1 %
  })

  it('draws as often from neighbouring seeds as from neighbouring places', () => {
    const bins = Array.from({ length: 64 }, () => 0)
    for (let seed = 0; seed < 200; seed++) for (let place = 0; place < 200; place++) bins[Math.floor(uniform(seed, place) * 64)]!++
    const chiSquare = bins.reduce((sum, count) => sum + (count - 625) ** 2 / 625, 0)
    expect(chiSquare).toBeLessThan(103.4) // 63 degrees of freedom: 0.1 %
    expect(chiSquare).toBeGreaterThan(34)
  })

  it('draws by seed and number of tokens alone, in whatever order it is asked', () => {
    fc.assert(
      fc.property(fc.nat(), fc.array(fc.nat(500), { minLength: 1, maxLength: 20 }), (seed, lengths) => {
        const logits = Array.from({ length: 200 }, (_, token) => Math.sin(token * 7.3))
        const options = { temperature: 0.9, topP: 0.95, seed }
        const shared = createSampler(options)
        const together = lengths.map((length) => shared.sample(Float32Array.from(logits), at(length)).token)
        const apart = lengths.toReversed().map((length) => createSampler(options).sample(Float32Array.from(logits), at(length)).token)
        expect(together).toEqual(apart.toReversed())
      }),
      { numRuns: 50 },
    )
  })

  it('draws the same in every release: the numbers of a seed are fixed', () => {
    expect([uniform(0, 0), uniform(0, 1), uniform(42, 7), uniform(2 ** 53 - 1, 1e6)]).toMatchInlineSnapshot(`
      [
        0.6524484863740322,
        0.7012121095215252,
        0.7347204584623639,
        0.8938475098548623,
      ]
    `)
  })

  it('says which seed it drew, so that a run can be had again', () => {
    const first = createSampler({ temperature: 1 })
    const again = createSampler({ temperature: 1, seed: first.seed })
    const logits = () => Float32Array.from({ length: 1000 }, (_, token) => Math.cos(token))
    for (let length = 0; length < 20; length++) expect(again.sample(logits(), at(length)).token).toBe(first.sample(logits(), at(length)).token)
    expect(createSampler({ temperature: 1 }).seed).not.toBe(first.seed)
  })

  it('stays finite at temperatures that make the coldest and hottest distributions', () => {
    const drawn = [Number.MIN_VALUE, 1e-30, 1e300].map((temperature) => createSampler({ temperature, seed: 1 }).sample(Float32Array.of(-3e38, 5, 3e38, 3e38 / 2), at(3)).token)
    expect(drawn.slice(0, 2)).toEqual([2, 2])
    expect([0, 1, 2, 3]).toContain(drawn[2])
  })

  it('runs processors in turn, and the constraint after them', () => {
    const seen: string[] = []
    const sampler = createSampler({
      processors: [
        (logits, { tokens, promptLength }) => {
          seen.push(`${tokens.length}/${promptLength}`)
          logits[2] = 50
        },
        (logits) => (logits[1] = logits[2]! + 1),
      ],
    })
    expect(sampler.sample(Float32Array.of(1, 2, 3, 4), { tokens: [0, 0, 0], promptLength: 2 }).token).toBe(1)
    expect(sampler.sample(Float32Array.of(1, 2, 3, 4), { tokens: [0, 0, 0], promptLength: 2 }, only(0, 3)).token).toBe(3)
    expect(seen).toEqual(['3/2', '3/2'])
  })

  it('reads penalties off tokens that have no logit without harm', () => {
    const sampler = createSampler({ repetitionPenalty: 2, frequencyPenalty: 1, noRepeatNgramSize: 1 })
    expect(sampler.sample(Float32Array.of(1, 2), { tokens: [500, 1, 900], promptLength: 1 }).token).toBe(0)
  })
})

describe('logits that no token can be chosen from', () => {
  it.each([[Float32Array.of(1, NaN, 2), 'NaN'], [Float32Array.of(1, Infinity), 'Infinity'], [new Float32Array(20).fill(-Infinity), '-Infinity']])('are told apart from a constraint: the model gave %s', (logits, what) => {
    for (const options of [{}, { temperature: 1 }, { repetitionPenalty: 2 }]) {
      const sample = () => createSampler(options).sample(logits.slice(), at(2), only(0))
      expect(sample).toThrow(InvalidLogitsError)
      expect(sample).toThrow(expect.objectContaining({ code: 'TENON_INVALID_LOGITS', from: 'model', message: expect.stringContaining(what) }))
    }
  })

  it.each<[string, SamplingOptions]>([
    ['made NaN', { processors: [(logits) => (logits[1] = NaN)] }],
    ['forbade all', { noRepeatNgramSize: 1 }],
  ])('are laid to processors that %s', (_, options) => {
    expect(() => createSampler(options).sample(Float32Array.of(1, 2), { tokens: [0, 1], promptLength: 1 })).toThrow(expect.objectContaining({ code: 'TENON_INVALID_LOGITS', from: 'processor' }))
  })

  it('are laid to the constraint that allows nothing', () => {
    const sample = () => createSampler({ temperature: 1 }).sample(Float32Array.of(1, 2), at(1), only())
    expect(sample).toThrow(UnsatisfiableConstraintError)
  })
})

describe('options out of range', () => {
  it.each(Object.entries({
    temperature: [-1, NaN, Infinity, '1', null],
    topK: [-1, 1.5, '5'],
    topP: [0, 1.01, -0.1, NaN],
    minP: [-0.1, 1.1],
    typicalP: [0, 2],
    repetitionPenalty: [0, -1, Infinity],
    frequencyPenalty: [2.1, -3, NaN],
    presencePenalty: [2.1, '0'],
    noRepeatNgramSize: [-1, 0.5],
    seed: [-1, 0.5, 2 ** 53, '1'],
    processors: [[1], {}, null],
    logprobs: ['no'],
  }))('are refused: %s', (option, values) => {
    for (const value of values) {
      const create = () => createSampler({ [option]: value }, 'generate')
      expect(create).toThrow(InvalidOptionError)
      expect(create).toThrow(`The option '${option}' of generate is`)
    }
  })

  it('are refused where nobody knows them', () => {
    expect(() => createSampler({ tempreature: 1 } as object)).toThrow("Did you mean 'temperature'?")
  })
})
