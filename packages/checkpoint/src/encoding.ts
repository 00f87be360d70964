import type { EncodeOptions, Encoding, TextOrPair } from '@tenon/core'
import { codePointIndex } from './code-points.js'
import type { NativeEncoding } from './native-tokenizers.js'
import { planWindows, type Range } from './windows.js'

/** Computes at the first call and keeps the answer. */
function once<T>(compute: () => T): () => T {
  let kept: { readonly value: T } | undefined
  return () => (kept ??= { value: compute() }).value
}

type Lazy<T> = { readonly [K in keyof T]: () => T[K] }

/**
 * An encoding whose fields are fetched from native memory when first read: embedding reads ids and typeIds of
 * thousands of texts and pays for nothing else. The properties are own and enumerable, so copies hold plain arrays.
 * @throws InvalidOptionError, InvalidInputError as `planWindows` does.
 */
export function encodingOf(native: NativeEncoding, text: TextOrPair, options: EncodeOptions): Encoding {
  const whole = lazily(fieldsOf(native, text))
  const { maxLength } = options
  if (maxLength === undefined || native.getLength() <= maxLength) return whole
  const windows = planWindows(whole.sequenceIds, typeof text !== 'string', maxLength, options)
  return view(whole, windows[0]!, () => windows.slice(1).map((ranges) => view(whole, ranges, none)))
}

const none = () => []

function fieldsOf(native: NativeEncoding, text: TextOrPair): Lazy<Encoding> {
  const sequenceIds = once(() => native.getSequenceIds().map((id) => (id === 0 || id === 1 ? id : null)))
  return {
    ids: once(() => native.getIds()),
    typeIds: once(() => native.getTypeIds()),
    specialTokensMask: once(() => native.getSpecialTokensMask()),
    tokens: once(() => native.getTokens()),
    offsets: once(() => {
      const units = (typeof text === 'string' ? [text] : text).map(codePointIndex)
      const sequence = sequenceIds()
      return native.getOffsets().map(([start = 0, end = 0], token): readonly [number, number] => {
        const unit = units[sequence[token] ?? -1]
        return unit === undefined ? [0, 0] : [unit(start), unit(end)]
      })
    }),
    sequenceIds,
    wordIds: once(() => native.getWordIds().map((id) => id ?? null)),
    overflowing: none,
  }
}

/** An object whose fields are made when they are first read. */
function lazily({ ids, typeIds, specialTokensMask, tokens, offsets, sequenceIds, wordIds, overflowing }: Lazy<Encoding>): Encoding {
  return {
    get ids() {
      return ids()
    },
    get typeIds() {
      return typeIds()
    },
    get specialTokensMask() {
      return specialTokensMask()
    },
    get tokens() {
      return tokens()
    },
    get offsets() {
      return offsets()
    },
    get sequenceIds() {
      return sequenceIds()
    },
    get wordIds() {
      return wordIds()
    },
    get overflowing() {
      return overflowing()
    },
  }
}

/** The ranges of an encoding that make a window. */
function view(whole: Encoding, ranges: readonly Range[], following: () => Encoding[]): Encoding {
  const pick = <T>(values: () => readonly T[]) => once(() => ranges.flatMap(([start, end]) => values().slice(start, end)))
  return lazily({
    ids: pick(() => whole.ids),
    typeIds: pick(() => whole.typeIds),
    specialTokensMask: pick(() => whole.specialTokensMask),
    tokens: pick(() => whole.tokens),
    offsets: pick(() => whole.offsets),
    sequenceIds: pick(() => whole.sequenceIds),
    wordIds: pick(() => whole.wordIds),
    overflowing: once(following),
  })
}
