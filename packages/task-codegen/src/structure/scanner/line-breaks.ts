import type { Reading } from './reading.js'
import type { Token } from './token.js'

/** Reads the line break that begins at `at`; undefined where its second half may be to come. */
export function readLineBreak(reading: Reading, at: number): Token | undefined {
  if (reading.text[at] === '\n') return reading.token('newline', at, at + 1)
  if (reading.lacks(at + 1)) return reading.wait()
  return reading.token('newline', at, at + (reading.text[at + 1] === '\n' ? 2 : 1))
}
