import type { Tokenizer } from '@tenon/core'
import { fallbackByte, spaced, spellingOf, type Spelling } from './spelling.js'

/** Puts tokens together one after another, as a decoder would all of them at once. */
export interface Reader {
  /** The text that is certain now, whatever comes next. */
  push(token: string): string
  /** What would follow if nothing came next, where that may still turn into something else; '' where it is not even text yet. */
  readonly tentative: string
  /** What is left. */
  end(): string
}

/** Tokens of the prompt that can have a say in what the first generated ones read as: a character has at most four bytes. */
const CONTEXT = 4

/**
 * A reader that goes on after the given tokens.
 * @param context The last tokens of the prompt. Only the start of a text has none.
 */
export function readerOf(tokenizer: Tokenizer, context: Iterable<string>): Reader {
  const spelling = spellingOf(tokenizer)
  if (spelling.kind === 'byte-level') return byteLevelReader(spelling, take(context, CONTEXT))
  if (spelling.kind === 'byte-fallback') return byteFallbackReader(spelling, take(context, CONTEXT))
  return windowReader(tokenizer, take(context, CONTEXT))
}

/** The last few of tokens that are given backwards, in reading order. */
function take(backwards: Iterable<string>, most: number): string[] {
  const taken: string[] = []
  for (const token of backwards) {
    if (taken.length === most) break
    taken.unshift(token)
  }
  return taken
}

function byteLevelReader({ bytes }: Spelling, context: readonly string[]): Reader {
  // U+FFFD for what can no longer become a character, in as many pieces as the decoder's, and none for what still can.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  for (const token of context) decoder.decode(bytes(token), { stream: true })
  return {
    push: (token) => decoder.decode(bytes(token), { stream: true }),
    tentative: '',
    end: () => decoder.decode(),
  }
}

/**
 * Bytes in a row are characters all of them, or none: one that fits nowhere turns all its neighbours into U+FFFD. So nothing is
 * certain before the row ends.
 */
function byteFallbackReader({ strips }: Spelling, context: readonly string[]): Reader {
  const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let row: number[] = []
  let atStart = strips && context.length === 0

  function read(): string | undefined {
    try {
      return strict.decode(Uint8Array.from(row))
    } catch {
      return undefined
    }
  }
  function finishRow(): string {
    const text = read() ?? '\ufffd'.repeat(row.length)
    row = []
    return text
  }
  function give(text: string): string {
    if (!atStart || text === '') return text
    atStart = false
    return text.startsWith(' ') ? text.slice(1) : text
  }

  for (const token of context) {
    const byte = fallbackByte(token)
    if (byte === undefined) row = []
    else row.push(byte)
    if (read() !== undefined) row = [] // whole characters of the prompt are read already
  }
  return {
    push(token) {
      const byte = fallbackByte(token)
      if (byte === undefined) return give(finishRow() + spaced(token))
      row.push(byte)
      return ''
    },
    get tentative() {
      return row.length === 0 ? '' : (read() ?? '')
    },
    end: () => give(finishRow()),
  }
}

/** Asks the decoder itself, of a few tokens at a time: what a token adds to those before it. */
function windowReader(tokenizer: Tokenizer, context: readonly string[]): Reader {
  let window = [...context]
  let before = window.length === 0 ? '' : tokenizer.join(window)
  let waiting = 0

  function add(): string {
    const text = tokenizer.join(window)
    const fresh = text.slice(before.length)
    window = window.slice(-CONTEXT)
    before = tokenizer.join(window)
    waiting = 0
    return fresh
  }
  return {
    push(token) {
      window.push(token)
      // A character that is not whole yet, unless it never will be.
      if (tokenizer.join(window).endsWith('\ufffd') && ++waiting < CONTEXT) return ''
      return add()
    },
    tentative: '',
    end: () => (waiting > 0 ? add() : ''),
  }
}
