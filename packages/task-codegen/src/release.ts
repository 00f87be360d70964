import { beginningOfRepetition } from './ranking/repetition.js'

/** What of a growing completion can be shown for good. */
export interface Release {
  /** What may be shown of the text so far. */
  next(text: string): string
  /** The rest of the final text; where what was shown is not how that begins, what was shown is the final text. */
  end(final: string): { readonly rest: string; readonly text: string }
}

/**
 * Holds back what may be cut off in the end: white space, the beginning of a stop text, lines that stand behind the cursor already,
 * and what finishing the text so far would cut.
 * @param finish What makes a completion of a generated text: it cuts, and it closes what is open.
 */
export function releasing(suffix: string, stop: readonly string[], finish: (text: string) => string): Release {
  const rest = suffix.split('\n', 1)[0]!.trimEnd()
  const alone = rest.trim() === ''
  // What stands behind the cursor in its line is held back like a stop text, and, unlike one, when it is complete, too.
  const heldBack = alone ? stop : [...stop, `${rest}\0`]
  let shown = ''
  let all = '' // what `shown` was made of, if nothing of that was left out
  return {
    next(text) {
      const held = text.slice(0, Math.min(beginningOf(text, heldBack), beginningOfRepetition(text, suffix), undecided(text), text.search(closing))).trimEnd()
      let sure = ''
      // Most tokens are words in a line that is theirs: finishing leaves them as they are, and is not worth its while.
      if (alone && all !== '' && held.startsWith(all) && plain.test(held.slice(all.length))) sure = shown + held.slice(all.length)
      else {
        const finished = finish(held)
        sure = finished.slice(0, madeOf(finished, held))
      }
      if (sure.length <= shown.length || !sure.startsWith(shown)) return ''
      const more = sure.slice(shown.length)
      shown = sure
      all = letters(sure) === letters(held) ? held : ''
      return more
    },
    end(final) {
      if (!final.startsWith(shown)) return { rest: '', text: shown }
      const rest = final.slice(shown.length)
      shown = final
      return { rest, text: final }
    },
  }
}

/**
 * Where the lines begin that may turn out to belong to what follows: blank ones and comments, and a last one of which there is one
 * word yet. The first line of a completion is the cursor's own.
 */
function undecided(text: string): number {
  let end = text.length
  for (let start = text.lastIndexOf('\n') + 1; start > 0; start = start > 1 ? text.lastIndexOf('\n', start - 2) + 1 : 0) {
    const line = text.slice(start, end).trim()
    const open = end === text.length && /^(?:[\p{L}\p{N}_$]*|[^\p{L}\p{N}\s]*)$/u.test(line)
    if (line !== '' && !open && !/^(?:#|\/\/|--|\/\*|\*)/.test(line)) return end
    end = start - 1
  }
  return end
}

/** What may become the end of a comment, of a string of many lines or of an element: it may stand behind the cursor already. */
const closing = /(?:\*+|"{1,2}|'{1,2}|<\/?[\w.:-]*|)$/

/** Nothing that opens, closes or ends anything. */
const plain = /^[\w \t.,+*=<>]*$/

/** A text without its white space, which finishing may change. */
const letters = (text: string): string => text.replace(/\s+/g, '')

/** How much of a finished text is there in what it was made of: all but the brackets and quotes that close it. White space may differ. */
function madeOf(finished: string, text: string): number {
  let [length, index] = [0, 0]
  for (let at = 0; at < finished.length; at++) {
    if (/\s/.test(finished[at]!)) continue
    while (index < text.length && /\s/.test(text[index]!)) index++
    if (index === text.length || text[index] !== finished[at]) return length
    index++
    length = at + 1
  }
  return length
}

/** Where a stop text begins of which the end may be to come. */
function beginningOf(text: string, stop: readonly string[]): number {
  let earliest = text.length
  for (const each of stop) {
    for (let length = Math.min(each.length - 1, text.length); length > 0; length--) {
      if (!text.endsWith(each.slice(0, length))) continue
      earliest = Math.min(earliest, text.length - length)
      break
    }
  }
  return earliest
}
