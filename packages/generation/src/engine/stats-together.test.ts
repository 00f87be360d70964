import { expect, it } from 'vitest'
import { statsTogether } from './stats-together.js'

const one = { promptTokens: 10, cachedTokens: 4, generatedTokens: 5, timeToFirstToken: 30, prefillMilliseconds: 20, decodeMilliseconds: 40, tokensPerSecond: 100, draftedTokens: 3, acceptedTokens: 2 }

it('what several generations cost is the prompt once, and what each wrote', () => {
  const other = { ...one, cachedTokens: 10, generatedTokens: 7, timeToFirstToken: 25, prefillMilliseconds: 0, decodeMilliseconds: 50 }
  expect(statsTogether([one, other], 5)).toEqual({ promptTokens: 10, cachedTokens: 4, generatedTokens: 12, timeToFirstToken: 30, prefillMilliseconds: 20, decodeMilliseconds: 50, tokensPerSecond: 200, draftedTokens: 6, acceptedTokens: 4 })
  expect(statsTogether([one], 5)).toEqual({ ...one, timeToFirstToken: 35 })
})
