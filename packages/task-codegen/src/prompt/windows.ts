import type { Encoded, TextEncoder } from './text-encoder.js'

/** A part of a text that fits a budget. */
export interface Window extends Encoded {
  /** `[start, end)` in the whole text. */
  readonly start: number
  readonly end: number
}

/** Code has three to four; so much is encoded to see where the budget ends. */
const CHARACTERS_PER_TOKEN = 6

/**
 * The end of a text. It begins at a line, and only at such lines as are first in a block of `block` characters: while the text
 * grows at its end, the window begins where it began, until it has no room for a block more.
 */
export async function prefixWindow(text: string, budget: number, block: number, encoder: TextEncoder): Promise<Window> {
  const end = text.length
  const earliest = Math.ceil(Math.max(0, end - budget * CHARACTERS_PER_TOKEN) / block)
  const from = blockStart(text, earliest, block)
  const encoded = await encoder.encode(text.slice(from), from === 0 ? 'start' : 'inside')
  if (encoded.ids.length <= budget) return { start: from, end, ...encoded }
  for (let index = earliest + 1; index * block < end; index++) {
    const start = blockStart(text, index, block)
    const dropped = encoded.offsets.findIndex(([offset]) => offset >= start - from)
    if (dropped < 0 || encoded.ids.length - dropped > budget) continue
    const window = await encoder.encode(text.slice(start), 'inside')
    if (window.ids.length <= budget) return { start, end, ...window }
  }
  return lastTokens(text, budget, encoded, from, encoder)
}

/** Where a block begins: at its first line, or, in a line that is longer than a block, just there. */
function blockStart(text: string, index: number, block: number): number {
  const at = index * block
  if (at === 0) return 0
  const line = text.indexOf('\n', at - 1) + 1
  return line > 0 && line < at + block ? line : wholeCharacter(text, at)
}

/** What fits, if not even a block does. */
async function lastTokens(text: string, budget: number, { offsets }: Encoded, from: number, encoder: TextEncoder): Promise<Window> {
  for (let count = budget; count > 0; count -= Math.ceil(budget / 8)) {
    const start = wholeCharacter(text, from + offsets[offsets.length - count]![0])
    const window = await encoder.encode(text.slice(start), 'inside')
    if (window.ids.length <= budget) return { start, end: text.length, ...window }
  }
  return { start: text.length, end: text.length, ids: [], offsets: [] }
}

/** The beginning of a text, in whole lines, or what fits of its first. */
export async function suffixWindow(text: string, budget: number, encoder: TextEncoder): Promise<Window> {
  let end = wholeCharacter(text, Math.min(text.length, budget * CHARACTERS_PER_TOKEN))
  let encoded = await encoder.encode(text.slice(0, end), 'inside')
  while (end < text.length || encoded.ids.length > budget) {
    if (end === 0 || budget === 0) return { start: 0, end: 0, ids: [], offsets: [] }
    const fits = encoded.ids.length > budget ? Math.min(end - 1, encoded.offsets[budget]![0]) : end
    const line = text.lastIndexOf('\n', fits - 1) + 1
    end = line > 0 ? line : wholeCharacter(text, fits)
    encoded = await encoder.encode(text.slice(0, end), 'inside')
    if (encoded.ids.length <= budget) break
  }
  return { start: 0, end, ...encoded }
}

/** The same place, or the one before it if it would divide a surrogate pair. */
const wholeCharacter = (text: string, index: number): number => (index > 0 && index < text.length && /[\uDC00-\uDFFF]/.test(text[index]!) && /[\uD800-\uDBFF]/.test(text[index - 1]!) ? index - 1 : index)

export interface Windows {
  readonly prefix: Window
  readonly suffix: Window
}

/**
 * What a prompt holds of the text around the cursor: all of it where that fits, else about three quarters of the budget before the
 * cursor and one behind it; what one side leaves, the other has. Shares go by sixteenths and quarters, so that they stay as they are
 * while somebody types.
 * @param block As for `prefixWindow`.
 */
export async function windowsAround(prefix: string, suffix: string, budget: number, block: number, encoder: TextEncoder): Promise<Windows> {
  const quarter = Math.ceil(budget / 4)
  const step = Math.max(1, Math.ceil(budget / 16))
  const after = await suffixWindow(suffix, quarter, encoder)
  const whole = after.end === suffix.length
  const before = await prefixWindow(prefix, whole ? Math.max(budget - quarter, budget - Math.ceil(after.ids.length / step) * step) : budget - quarter, block, encoder)
  const left = budget - Math.max(1, Math.ceil(before.ids.length / quarter)) * quarter
  if (whole || before.start > 0 || left <= quarter) return { prefix: before, suffix: after }
  return { prefix: before, suffix: await suffixWindow(suffix, left, encoder) }
}
