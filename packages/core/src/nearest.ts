/** Levenshtein distance. */
function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      current.push(Math.min(previous[j]! + 1, current[j - 1]! + 1, substitution))
    }
    previous = current
  }
  return previous[b.length]!
}

/** The candidate a typing mistake away from `name`, for "did you mean"; at most a third of the letters may differ. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  const ranked = candidates.map((candidate) => ({ candidate, away: distance(name.toLowerCase(), candidate.toLowerCase()) }))
  ranked.sort((a, b) => a.away - b.away)
  const best = ranked[0]
  return best !== undefined && best.away <= Math.max(1, Math.floor(name.length / 3)) ? best.candidate : undefined
}

/** The remedy for a name that no plugin brings, which JavaScript callers may have left out. */
export function listing(name: unknown, available: readonly string[], kind: string): string {
  const close = typeof name === 'string' ? nearest(name, available) : undefined
  const passed = available.length === 0 ? `no ${kind} plugin was passed` : `passed were: ${available.join(', ')}`
  return close === undefined ? `Add its plugin to createRuntime (${passed})` : `Did you mean '${close}'? (${passed})`
}
