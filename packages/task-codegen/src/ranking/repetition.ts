/** Shorter lines, and those without a word, may well stand there twice. */
const LEAST = 6

/** A line of a comment with nothing on it. */
const bare = /^(?:\*|\/\/[/!]?|#|--)?$/

/** The first line behind the cursor's own that says something. */
function lineBehind(suffix: string): string {
  const line = suffix.slice(suffix.indexOf('\n') + 1 || suffix.length, 10_000).split('\n').find((each) => !bare.test(each.trim()))?.trim() ?? ''
  return line.length >= LEAST && /[\p{L}\p{N}]{2}/u.test(line) ? line : ''
}

/**
 * Where a completion begins to write once more what stands behind the cursor: from there on it is what is there already. The first
 * line of a completion belongs to the cursor's own.
 * @param ended Whether no more text comes: else a line is one when it has ended.
 */
export function repetitionAt(text: string, suffix: string, ended: boolean): number | undefined {
  const behind = lineBehind(suffix)
  if (behind === '') return undefined
  for (let start = text.indexOf('\n') + 1; start > 0; start = text.indexOf('\n', start) + 1) {
    const end = text.indexOf('\n', start)
    if (end < 0 && !ended) return undefined
    if (text.slice(start, end < 0 ? undefined : end).trim() === behind) return withoutBareEnd(text.slice(0, start))
  }
  return undefined
}

/** The length of a text without the lines at its end on which there is nothing; the first is the cursor's own. */
function withoutBareEnd(text: string): number {
  let end = text.trimEnd().length
  while (end > 0) {
    const start = text.lastIndexOf('\n', end - 1) + 1
    if (start === 0 || !bare.test(text.slice(start, end).trim())) break
    end = text.slice(0, start).trimEnd().length
  }
  return end
}

/** Where a line begins that may become the one behind the cursor; the text's length where there is none. */
export function beginningOfRepetition(text: string, suffix: string): number {
  const behind = lineBehind(suffix)
  const start = text.lastIndexOf('\n') + 1
  return behind !== '' && start > 0 && behind.startsWith(text.slice(start).trim()) ? start : text.length
}
