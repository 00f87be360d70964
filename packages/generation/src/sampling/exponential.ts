/** Table entries for each halving. The remainder is below ln 2 / 256, so that three terms of its series are exact to 3e-12. */
const STEPS = 256
/** e^-44 is 8e-20: a whole vocabulary of that adds nothing to a float64 sum that holds a 1. */
const FAR = 44
const halvings = Math.ceil(FAR / Math.LN2) + 1
const table = Float64Array.from({ length: halvings * STEPS }, (_, index) => 2 ** (-index / STEPS))
const perStep = Math.LN2 / STEPS
const steps = STEPS / Math.LN2

/** e^-distance for distances from 0, to a relative 3e-12, in a quarter of the time of Math.exp: vocabularies are long. 0 from 44 on, and NaN for NaN. */
export function exponential(distance: number): number {
  if (distance >= FAR) return 0
  const index = (distance * steps) | 0
  const rest = index * perStep - distance
  return table[index]! * (1 + rest * (1 + rest * (0.5 + rest / 6)))
}
