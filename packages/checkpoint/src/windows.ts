import { InvalidInputError, InvalidOptionError, type EncodeOptions } from '@tenon/core'

/** `[start, end)` in an encoding. */
export type Range = readonly [number, number]

/** Most windows of one input. Each text of a pair may be cut, and then every window of one meets every window of the other. */
const windowLimit = 100_000

/** @throws InvalidOptionError when an option is out of range, whatever the text. */
export function checkEncodeOptions({ maxLength, stride = 0, truncate = 'longest-first' }: EncodeOptions): void {
  const refuse = (option: string, problem: string, remedy: string) =>
    new InvalidOptionError({ where: 'encode', option, problem, remedy })
  if (maxLength !== undefined && !(Number.isSafeInteger(maxLength) && maxLength >= 1))
    throw refuse('maxLength', `is ${maxLength}`, 'Pass a whole number of tokens, 1 or more')
  if (!Number.isSafeInteger(stride) || stride < 0)
    throw refuse('stride', `is ${stride}`, 'Pass a whole number of tokens, 0 or more')
  if (maxLength !== undefined && stride >= maxLength)
    throw refuse(
      'stride',
      `is ${stride}, not less than maxLength (${maxLength})`,
      'Pass a stride that leaves each window something new',
    )
  if (!['longest-first', 'only-first', 'only-second'].includes(truncate))
    throw refuse('truncate', `is '${truncate}'`, "Pass 'longest-first', 'only-first' or 'only-second'")
}

/**
 * The windows of an encoding that is longer than `maxLength`: for each, the ranges of the whole encoding that make it
 * up. Tokens that come from neither text stand in every window. Where both texts are cut, the second's windows run
 * fastest. Lengths and steps are those of the reference implementation (tokenizers' `truncate_encodings`).
 *
 * The native library's own truncation is not used: it is a setting of the whole tokenizer rather than of a call,
 * it aborts the process on some strides, and 0.23.2 drops windows past about `maxLength` tokens.
 * @throws InvalidOptionError when maxLength or stride leave no room.
 * @throws InvalidInputError when the text that may be cut is too short for the other to fit.
 */
export function planWindows(
  sequenceIds: readonly (0 | 1 | null)[],
  isPair: boolean,
  maxLength: number,
  options: EncodeOptions,
): Range[][] {
  const { stride = 0, truncate = 'longest-first' } = options
  const spans = [spanOf(sequenceIds, 0), spanOf(sequenceIds, 1)] as const
  const counts = spans.map(([start, end]) => end - start) as [number, number]
  const special = sequenceIds.length - counts[0] - counts[1]
  const room = maxLength - special
  const lengths = cutLengths(counts, room, isPair, truncate, { maxLength, special })

  for (const text of [0, 1] as const) {
    if (lengths[text] < counts[text] && stride >= lengths[text])
      throw new InvalidOptionError({
        where: 'encode',
        option: 'stride',
        problem: `is ${stride}, and a window has room for ${lengths[text]} tokens of the text`,
        remedy: 'Pass a smaller stride or a larger maxLength',
      })
  }
  const windows = ([0, 1] as const).map((text) => windowsOf(spans[text], lengths[text], stride)) as [Range[], Range[]]
  const total = windows[0].length * windows[1].length
  if (total > windowLimit)
    throw new InvalidInputError({
      what: 'the text',
      problem: `makes ${total} windows, more than ${windowLimit}`,
      remedy: 'Encode it in parts, or cut only one text of the pair',
    })

  // The text that stands first in the encoding; an empty one may stand anywhere.
  const [early, late] = spans[0][0] <= spans[1][0] ? ([0, 1] as const) : ([1, 0] as const)
  return windows[0].flatMap((first) =>
    windows[1].map((second) => {
      const chosen = [first, second] as const
      return [
        [0, spans[early][0]],
        chosen[early],
        [spans[early][1], spans[late][0]],
        chosen[late],
        [spans[late][1], sequenceIds.length],
      ] satisfies Range[]
    }),
  )
}

/** Where a text's tokens stand. Templates that repeat a text are refused on load, so they stand together. */
function spanOf(sequenceIds: readonly (0 | 1 | null)[], text: 0 | 1): Range {
  const start = sequenceIds.indexOf(text)
  return start === -1 ? [sequenceIds.length, sequenceIds.length] : [start, sequenceIds.lastIndexOf(text) + 1]
}

/** How many tokens of each text a window holds. */
function cutLengths(
  [first, second]: readonly [number, number],
  room: number,
  isPair: boolean,
  truncate: NonNullable<EncodeOptions['truncate']>,
  { maxLength, special }: { maxLength: number; special: number },
): readonly [number, number] {
  const noRoom = () =>
    new InvalidOptionError({
      where: 'encode',
      option: 'maxLength',
      problem: `is ${maxLength}, which leaves no room beside ${special} special tokens`,
      remedy: 'Pass a larger maxLength',
    })
  const least = (first > 0 ? 1 : 0) + (second > 0 ? 1 : 0)
  if (room < least) throw noRoom()
  if (!isPair && truncate === 'only-second')
    throw new InvalidInputError({
      what: 'the text',
      problem: "is longer than maxLength, and truncate is 'only-second'",
      remedy: 'pass a pair, or truncate the first',
    })
  if (!isPair) return [room, 0]
  if (truncate === 'longest-first') return longestFirst(first, second, room)

  const [kept, cut] = truncate === 'only-first' ? [second, first] : [first, second]
  const left = room - kept
  if (left < 1 || cut === 0)
    throw new InvalidInputError({
      what: `the ${truncate === 'only-first' ? 'second' : 'first'} text`,
      problem: `has ${kept} tokens, which leaves no room for the other within maxLength (${maxLength})`,
      remedy: "shorten it, pass a larger maxLength, or truncate 'longest-first'",
    })
  return truncate === 'only-first' ? [left, kept] : [kept, left]
}

/** Cuts the longer text down to the shorter, then both alike. */
function longestFirst(first: number, second: number, room: number): readonly [number, number] {
  const shorter = Math.min(first, second)
  const half = Math.floor(room / 2)
  const [less, more] = shorter <= half ? [shorter, room - shorter] : [half, room - half]
  return first > second ? [more, less] : [less, more]
}

function windowsOf([start, end]: Range, length: number, stride: number): Range[] {
  if (end - start <= length) return [[start, end]]
  const windows: Range[] = []
  for (let at = start; ; at += length - stride) {
    windows.push([at, Math.min(at + length, end)])
    if (at + length >= end) return windows
    if (windows.length > windowLimit) return windows // the caller refuses
  }
}
