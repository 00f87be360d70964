/** Indices of the highest scores, the highest first, of equal ones the lower index; of `among` where it is given. */
export function highest(scores: Float32Array, count: number, among?: readonly number[]): number[] {
  const better = (a: number, b: number) => scores[b]! - scores[a]! || a - b
  const candidates = among ?? scores.keys()
  if (count > COUNT_SORTED || among !== undefined) return Array.from(candidates).toSorted(better).slice(0, count)
  const kept: number[] = []
  for (const index of candidates) {
    if (kept.length === count && scores[index]! <= scores[kept.at(-1)!]!) continue
    let place = kept.length
    while (place > 0 && scores[kept[place - 1]!]! < scores[index]!) place--
    kept.splice(place, 0, index)
    if (kept.length > count) kept.pop()
  }
  return kept
}

/** Past this many, sorting the vocabulary costs less than keeping a list. */
const COUNT_SORTED = 256
