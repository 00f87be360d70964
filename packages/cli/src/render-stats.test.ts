import { describe, expect, it } from 'vitest'
import { renderStats } from './render-stats.js'
import { textWidth } from './text-width.js'

const stats = { promptTokens: 11_620, cachedTokens: 11_010, generatedTokens: 1_024, timeToFirstToken: 61_000, prefillMilliseconds: 1_500, decodeMilliseconds: 40_000, tokensPerSecond: 25.6, draftedTokens: 1_200, acceptedTokens: 900 }

describe('how long a generation took', () => {
  it('is one aligned line each', () => {
    expect(renderStats(stats, { width: 80 })).toEqual([
      '  time to first token   1 min 1 s',
      '  tokens a second       25.6',
      '  tokens written        1,024',
      '  tokens of the prompt  11,620: 11,010 from the cache, 610 read, 407 a second',
      '  guessed ahead         1,200: 900 accepted, 75 %',
    ])
  })

  it('fits a terminal of 40 columns', () => {
    const lines = renderStats(stats, { width: 40 })
    expect(lines).toEqual([
      '  time to first token   1 min 1 s',
      '  tokens a second       25.6',
      '  tokens written        1,024',
      '  tokens of the prompt',
      '    11,620: 11,010 from the cache, 610',
      '    read, 407 a second',
      '  guessed ahead',
      '    1,200: 900 accepted, 75 %',
    ])
    for (const line of lines) expect(textWidth(line)).toBeLessThanOrEqual(40)
  })
})
