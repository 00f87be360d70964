/** Where a selection stops: everything above `threshold` is in it, and what equals it is needed to reach the budget. */
export interface Selection {
  threshold: number
  /** The weight of all above the threshold. */
  above: number
}

const selection: Selection = { threshold: 0, above: 0 }

/**
 * Finds, among the first `count` keys, the greatest threshold such that keys from there up weigh at least `budget` together:
 * Hoare's quickselect, by weight. Time grows with `count`, not with `count` log `count`. Reorders keys and weights.
 * @returns An object that the next call writes again.
 */
export function select(keys: Float64Array, weights: Float64Array, count: number, budget: number): Selection {
  let start = 0
  let end = count
  let above = 0
  let shuffle = 1
  for (;;) {
    // Pivots from everywhere: neither sorted keys nor patterns in them make it slow.
    shuffle = (Math.imul(shuffle, 1664525) + 1013904223) >>> 0
    const pivot = middle(keys[start + (shuffle % (end - start))]!, keys[start + ((end - start) >> 1)]!, keys[end - 1]!)
    // [greater][equal][not seen yet][less]
    let greaterEnd = start
    let place = start
    let lessStart = end
    let greater = 0
    let equal = 0
    while (place < lessStart) {
      const key = keys[place]!
      const weight = weights[place]!
      if (key === pivot) {
        equal += weight
        place++
        continue
      }
      const other = key > pivot ? greaterEnd++ : --lessStart
      if (key > pivot) {
        greater += weight
        place++
      }
      const from = key > pivot ? place - 1 : place
      keys[from] = keys[other]!
      weights[from] = weights[other]!
      keys[other] = key
      weights[other] = weight
    }
    if (above + greater >= budget && greaterEnd > start) end = greaterEnd
    else if (above + greater + equal >= budget || lessStart === end) {
      selection.threshold = pivot
      selection.above = above + greater
      return selection
    } else {
      above += greater + equal
      start = lessStart
    }
  }
}

const middle = (a: number, b: number, c: number) => Math.max(Math.min(a, b), Math.min(Math.max(a, b), c))
