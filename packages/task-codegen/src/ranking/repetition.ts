/** Shorter lines, and those without a word, may well stand there twice. */
const LEAST = 6

/** A line of a comment with nothing on it. */
const bare = /^(?:\*|\/\/[/!]?|#|--)?$/

/** HTML in a template, say: of two in one column the second closes nothing. */
const closingTag = /^<\/[\w.:-]+>$/

function lineBelow(suffix: string): string {
  return suffix.slice(suffix.indexOf('\n') + 1 || suffix.length, 10_000).split('\n').find((each) => !bare.test(each.trim()))?.trimEnd() ?? ''
}

/** The first line behind the cursor's own that says something; a closing tag with its indentation. */
function lineBehind(suffix: string): string {
  const line = lineBelow(suffix)
  const text = line.trim()
  if (closingTag.test(text)) return line
  return text.length >= LEAST && /[\p{L}\p{N}]{2}/u.test(text) ? text : ''
}

/** Whether a line is the one behind the cursor. */
function isBehind(line: string, behind: string): boolean {
  return closingTag.test(behind.trim()) ? line.trimEnd() === behind : line.trim() === behind
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
    if (isBehind(text.slice(start, end < 0 ? undefined : end), behind)) return withoutBareEnd(text.slice(0, start))
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

/** So many lines of a completion are held against those behind the cursor. */
const MOST_LINES = 20

/** Where lines begin that may become those behind the cursor, or are; the text's length where there are none. */
export function beginningOfRepetition(text: string, suffix: string): number {
  const behind = lineBelow(suffix).trim()
  const last = text.lastIndexOf('\n') + 1
  if (behind === '' || last === 0) return text.length
  let beginning = behind.startsWith(text.slice(last).trim()) ? last : text.length
  const below = suffix.slice(suffix.indexOf('\n') + 1, 10_000).replaceAll('\r\n', '\n')
  for (let start = last, count = 0; start > 0 && count < MOST_LINES; start = start > 1 ? text.lastIndexOf('\n', start - 2) + 1 : 0, count++) {
    if (below.startsWith(text.slice(start).replaceAll(/\r(?=\n|$)/g, ''))) beginning = start
  }
  return beginning
}
