import type { Constraint } from '../constraint/index.js'
import { repeatsNgram } from '../sampling/index.js'

/** What forbids tokens, whatever the model says of them. */
export interface Forbidding {
  readonly constraint: Constraint | undefined
  /** 0 for none. */
  readonly noRepeatNgramSize: number
  /** Whether nothing comes after a token. */
  ends(token: number): boolean
}

/** The beginning of a guess that may come next: the model would be asked in vain about the rest. */
export function fitting(proposed: readonly number[], tokens: readonly number[], { constraint, noRepeatNgramSize, ends }: Forbidding): readonly number[] {
  const end = proposed.findIndex(ends)
  let count = end < 0 ? proposed.length : end + 1
  if (noRepeatNgramSize > 0) {
    const text = [...tokens, ...proposed]
    const repeated = proposed.findIndex((_, place) => repeatsNgram(text, tokens.length + place + 1, noRepeatNgramSize))
    if (repeated >= 0) count = Math.min(count, repeated)
  }
  if (constraint !== undefined) {
    const ahead = constraint.fork() // a guess may be wrong: the text's own does not hear of it
    const wrong = proposed.slice(0, count).findIndex((token) => !ahead.accept(token))
    if (wrong >= 0) count = wrong
  }
  return count === proposed.length ? proposed : proposed.slice(0, count)
}
