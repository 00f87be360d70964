/** `length` characters of clean text from `at` on stand for the original's `[start, end)`. */
export interface Run {
  readonly at: number
  readonly length: number
  readonly start: number
  readonly end: number
}

/**
 * Text as a person reads it, and where each stretch of it stands in the document's original text. A run as long as
 * its original maps character by character; any other (an entity, an escape) maps as a whole. Runs cover the text
 * in order, without gaps, and none is empty.
 */
export interface MappedText {
  readonly text: string
  readonly runs: readonly Run[]
}

/** Text that stands in the original exactly as it is, from `start` on. */
export function verbatim(text: string, start: number): MappedText {
  return { text, runs: text === '' ? [] : [{ at: 0, length: text.length, start, end: start + text.length }] }
}

/** Whether it stands in the original as it is. */
export const isVerbatim = ({ runs }: MappedText): boolean => runs.length <= 1 && runs.every(({ length, start, end }) => length === end - start)

/** Collects a mapped text piece by piece. */
export class MappedTextBuilder {
  #text = ''
  #runs: Run[] = []
  #endsInSpace = false
  #separator: { readonly start: number; readonly end: number } | undefined

  get isEmpty(): boolean {
    return this.#text === ''
  }

  /** Kept apart: asking the growing text itself would make the platform join all its parts each time. */
  get endsInSpace(): boolean {
    return this.#endsInSpace
  }

  /** Between the cells of a row: stands for the mark at `[start, end)` once more text follows, and not at the ends. */
  separate(start: number, end: number): void {
    if (this.isEmpty) return
    this.#separator = { start, end }
    this.#endsInSpace = true
  }

  append(text: string, start: number, end: number): void {
    if (text === '') return
    const separator = this.#separator
    this.#separator = undefined
    if (separator !== undefined) this.append(' | ', separator.start, separator.end)
    const last = this.#runs.at(-1)
    if (last !== undefined && last.end === start && last.length === last.end - last.start && text.length === end - start) {
      this.#runs[this.#runs.length - 1] = { ...last, length: last.length + text.length, end }
    } else {
      this.#runs.push({ at: this.#text.length, length: text.length, start, end })
    }
    this.#text += text
    this.#endsInSpace = text.endsWith(' ')
  }

  build(): MappedText {
    return { text: this.#text, runs: this.#runs }
  }
}

/** Index of the run that holds the character at `position`. */
function runAt(runs: readonly Run[], position: number): number {
  let low = 0
  let high = runs.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((runs[middle] as Run).at <= position) low = middle
    else high = middle - 1
  }
  return low
}

/** Where the characters `[from, to)` of a mapped text stand in the original. `from < to` within the text. */
export function originalRange({ runs }: MappedText, from: number, to: number): { start: number; end: number } {
  const first = runs[runAt(runs, from)] as Run
  const last = runs[runAt(runs, to - 1)] as Run
  return {
    start: first.length === first.end - first.start ? first.start + (from - first.at) : first.start,
    end: last.length === last.end - last.start ? last.start + (to - last.at) : last.end,
  }
}

/** The characters `[from, to)` as a mapped text of their own. */
export function sliceMapped(mapped: MappedText, from: number, to: number): MappedText {
  const builder = new MappedTextBuilder()
  for (let index = runAt(mapped.runs, from); index < mapped.runs.length; index++) {
    const run = mapped.runs[index] as Run
    if (run.at >= to) break
    const begin = Math.max(from, run.at)
    const finish = Math.min(to, run.at + run.length)
    if (begin >= finish) continue
    const exact = run.length === run.end - run.start
    const start = exact ? run.start + (begin - run.at) : run.start
    builder.append(mapped.text.slice(begin, finish), start, exact ? start + (finish - begin) : run.end)
  }
  return builder.build()
}

/** Without the white space at both ends. */
export function trimMapped(mapped: MappedText): MappedText {
  const trimmed = mapped.text.trim()
  if (trimmed.length === mapped.text.length) return mapped
  const from = mapped.text.indexOf(trimmed)
  return sliceMapped(mapped, from, from + trimmed.length)
}
