import type { Vocabulary } from '@tenon/generation'

/** The tokens that may come first where a text with this beginning is to come: those that begin with it, and those that it begins with. */
export function beginnings(bytes: Uint8Array, vocabulary: Vocabulary): number[] {
  const ids = Array.from(vocabulary.beginningWith(bytes))
  for (let length = 1; length < bytes.length; length++) {
    const part = bytes.subarray(0, length)
    for (let index = firstAtLeast(part, vocabulary); says(part, index, vocabulary); index++) ids.push(vocabulary.sorted[index]!)
  }
  return ids
}

/** Whether a token begins with these bytes and goes on. */
export function goesOn(bytes: Uint8Array, vocabulary: Vocabulary): boolean {
  let index = firstAtLeast(bytes, vocabulary)
  while (says(bytes, index, vocabulary)) index++
  const token = tokenAt(index, vocabulary)
  return token !== undefined && Buffer.compare(token.subarray(0, bytes.length), bytes) === 0
}

const tokenAt = (index: number, { sorted, bytes }: Vocabulary) => (index < sorted.length ? bytes(sorted[index]!) : undefined)

/** Whether the token at a place of the sorted vocabulary says just this. */
function says(bytes: Uint8Array, index: number, vocabulary: Vocabulary): boolean {
  const token = tokenAt(index, vocabulary)
  return token !== undefined && Buffer.compare(token, bytes) === 0
}

function firstAtLeast(bytes: Uint8Array, vocabulary: Vocabulary): number {
  let [low, high] = [0, vocabulary.sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (Buffer.compare(tokenAt(middle, vocabulary)!, bytes) < 0) low = middle + 1
    else high = middle
  }
  return low
}
