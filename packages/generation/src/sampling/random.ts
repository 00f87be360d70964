const mask = (1n << 64n) - 1n

/** The finalizer of SplitMix64 (Steele, Lea and Flood 2014): every bit of the input changes every bit of the output. */
function mix(value: bigint): bigint {
  let mixed = value
  mixed = ((mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n) & mask
  mixed = ((mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn) & mask
  return mixed ^ (mixed >> 31n)
}

/**
 * The counter-th number in [0, 1) of a seed: SplitMix64, asked by position. It keeps no state, so that speculation, batches and
 * a resumed generation draw at a place what plain decoding draws there.
 */
export function uniform(seed: number, counter: number): number {
  const start = mix((BigInt(seed) + 0x9e3779b97f4a7c15n) & mask)
  const drawn = mix((start + (BigInt(counter) + 1n) * 0x9e3779b97f4a7c15n) & mask)
  return Number(drawn >> 11n) / 2 ** 53
}
