import type { GenerationStats } from '@tenon/generation'
import { table } from './table.js'
import type { Channel } from './terminal.js'
import { count, duration } from './units.js'

/** How long a generation took, as rows of a table. */
export function renderStats(stats: GenerationStats, { width }: Pick<Channel, 'width'>): string[] {
  const { promptTokens, cachedTokens, generatedTokens, timeToFirstToken, prefillMilliseconds, tokensPerSecond, draftedTokens, acceptedTokens } = stats
  const read = promptTokens - cachedTokens
  const speed = read > 0 && prefillMilliseconds > 0 ? `, ${count(Math.round((1000 * read) / prefillMilliseconds))} a second` : ''
  const rows = [
    ['time to first token', duration(timeToFirstToken)],
    ['tokens a second', tokensPerSecond.toFixed(1)],
    ['tokens written', count(generatedTokens)],
    ['tokens of the prompt', `${count(promptTokens)}: ${count(cachedTokens)} from the cache, ${count(read)} read${speed}`],
    ['guessed ahead', draftedTokens === 0 ? 'nothing' : `${count(draftedTokens)}: ${count(acceptedTokens)} accepted, ${Math.round((100 * acceptedTokens) / draftedTokens)} %`],
  ]
  return table(rows, width)
}
