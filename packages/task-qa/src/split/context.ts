import { lengthOf } from './length.js'

/** Headings take no more than this many units of a model's window (see `lengthOf`); the innermost tell most. */
const longest = 32

/** A text below its headings, as it is embedded and indexed. */
export function inContext(headings: readonly string[], text: string): string {
  const used: string[] = []
  let length = 0
  for (let index = headings.length - 1; index >= 0; index--) {
    const heading = headings[index] as string
    length += lengthOf(heading)
    if (length > longest) break
    used.unshift(heading)
  }
  return used.length === 0 ? text : `${used.join(' › ')}\n${text}`
}
