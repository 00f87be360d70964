import type { GenerationStats } from './decoder.js'

/**
 * What several generations cost that ran side by side on one prompt.
 * @param all At least one.
 * @param before Milliseconds from a task's call until they began.
 */
export function statsTogether(all: readonly GenerationStats[], before: number): GenerationStats {
  const first = all[0]!
  const timeToFirstToken = before + Math.min(...all.map((stats) => stats.timeToFirstToken))
  if (all.length === 1) return { ...first, timeToFirstToken }
  const sum = (of: (stats: GenerationStats) => number) => all.reduce((total, stats) => total + of(stats), 0)
  const decodeMilliseconds = Math.max(...all.map((stats) => stats.decodeMilliseconds))
  const generatedTokens = sum((stats) => stats.generatedTokens)
  return {
    promptTokens: first.promptTokens,
    cachedTokens: first.cachedTokens,
    generatedTokens,
    timeToFirstToken,
    prefillMilliseconds: sum((stats) => stats.prefillMilliseconds),
    decodeMilliseconds,
    tokensPerSecond: decodeMilliseconds === 0 ? 0 : (1000 * (generatedTokens - all.length)) / decodeMilliseconds,
    draftedTokens: sum((stats) => stats.draftedTokens),
    acceptedTokens: sum((stats) => stats.acceptedTokens),
  }
}
