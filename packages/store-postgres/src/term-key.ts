import { createHash } from 'node:crypto'

/** Far below the 2,704 bytes that an entry of an index may have. */
const longest = 200

/** A term, or, where it is too long for an index, what stands for it. No term begins with this mark by itself. */
export function termKey(term: string): string {
  return term.length <= longest ? term : `#${digest(term)}`
}

export const digest = (text: string): string => createHash('sha256').update(text).digest('base64url')
