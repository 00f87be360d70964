/** @param {readonly number[]} values */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** mulberry32: the same numbers on every machine. */
export function random(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export function cosine(a, b) {
  let [dot, left, right] = [0, 0, 0]
  for (let index = 0; index < a.length; index++) {
    dot += a[index] * b[index]
    left += a[index] ** 2
    right += b[index] ** 2
  }
  return dot / Math.sqrt(left * right)
}
