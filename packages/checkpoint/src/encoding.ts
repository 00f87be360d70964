import type { EncodeOptions, Encoding, TextOrPair } from '@tenon/core'
import { codePointIndex } from './code-points.js'
import type { NativeEncoding } from './native-tokenizers.js'
import { planWindows, type Range } from './windows.js'

type Fields = Omit<Encoding, 'overflowing'>

/** Computes at the first call and keeps the answer. */
function once<T>(compute: () => T): () => T {
  let kept: { readonly value: T } | undefined
  return () => (kept ??= { value: compute() }).value
}

/**
 * An encoding whose fields are fetched from native memory when first read: embedding reads ids and typeIds of
 * thousands of texts and pays for nothing else. The properties are own and enumerable, so copies hold plain arrays.
 * @throws InvalidOptionError, InvalidInputError as `planWindows` does.
 */
export function encodingOf(native: NativeEncoding, text: TextOrPair, options: EncodeOptions): Encoding {
  const whole = wholeOf(native, text)
  const { maxLength } = options
  if (maxLength === undefined || native.getLength() <= maxLength) return view(whole, undefined, () => [])
  const windows = planWindows(whole.sequenceIds, typeof text !== 'string', maxLength, options)
  return view(whole, windows[0], () => windows.slice(1).map((ranges) => view(whole, ranges, () => [])))
}

function wholeOf(native: NativeEncoding, text: TextOrPair): Fields {
  const texts = typeof text === 'string' ? [text] : text
  const ids = once(() => native.getIds())
  const typeIds = once(() => native.getTypeIds())
  const specialTokensMask = once(() => native.getSpecialTokensMask())
  const tokens = once(() => native.getTokens())
  const sequenceIds = once(() => native.getSequenceIds().map((id) => (id === 0 || id === 1 ? id : null)))
  const offsets = once(() => {
    const units = texts.map(codePointIndex)
    const sequence = sequenceIds()
    return native.getOffsets().map(([start = 0, end = 0], token): readonly [number, number] => {
      const unit = units[sequence[token] ?? -1]
      return unit === undefined ? [0, 0] : [unit(start), unit(end)]
    })
  })
  return lazily({ ids, typeIds, specialTokensMask, tokens, offsets, sequenceIds })
}

/** An object whose fields are made when they are first read. */
function lazily<T extends object>(fields: { readonly [K in keyof T]: () => T[K] }): T {
  const getters = Object.entries<() => unknown>(fields).map(([name, get]) => [name, { get, enumerable: true }] as const)
  return Object.defineProperties({}, Object.fromEntries(getters)) as T
}

/** The whole encoding, or the ranges of it that make a window. */
function view(whole: Fields, ranges: readonly Range[] | undefined, following: () => Encoding[]): Encoding {
  const pick = <T>(values: () => readonly T[]) =>
    ranges === undefined ? values : once(() => ranges.flatMap(([start, end]) => values().slice(start, end)))
  const ids = pick(() => whole.ids)
  const typeIds = pick(() => whole.typeIds)
  const specialTokensMask = pick(() => whole.specialTokensMask)
  const tokens = pick(() => whole.tokens)
  const offsets = pick(() => whole.offsets)
  const sequenceIds = pick(() => whole.sequenceIds)
  const overflowing = once(following)
  return lazily<Encoding>({ ids, typeIds, specialTokensMask, tokens, offsets, sequenceIds, overflowing })
}
