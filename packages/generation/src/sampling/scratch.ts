/** Arrays as long as a vocabulary, shared by all that runs synchronously: choosing a token allocates nothing of that size. */
export interface Scratch {
  readonly ids: Int32Array
  readonly scores: Float64Array
  readonly weights: Float64Array
  readonly keys: Float64Array
  readonly masses: Float64Array
  readonly distances: Float64Array
  /** All zero between uses. */
  readonly counts: Int32Array
}

let scratch: Scratch | undefined

export function scratchFor(length: number): Scratch {
  if (scratch === undefined || scratch.ids.length < length) {
    const numbers = () => new Float64Array(length)
    scratch = { ids: new Int32Array(length), scores: numbers(), weights: numbers(), keys: numbers(), masses: numbers(), distances: numbers(), counts: new Int32Array(length) }
  }
  return scratch
}
