import { orAborted, throwIfAborted, type Emit, type EncodeOptions, type Encoding, type RunOptions, type TextOrPair, type Tokenizer } from '@tenon/core'
import type { EncoderRun } from './run-encoder.js'

/** Texts tokenised at a time: bounds the memory of encodings, and is far more than a batch. */
const CHUNK = 512

export interface EncodeTextsOptions extends RunOptions {
  /** Which text of a pair is cut. Default `'longest-first'`. */
  readonly truncate?: EncodeOptions['truncate']
  /** What the notice calls them. Default `'texts'`. */
  readonly what?: string | undefined
}

export interface RunTextsOptions extends EncodeTextsOptions {
  /** Called as texts are done, in whatever order. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

/** Some of the texts as the model reads them; the first of them is the text `first`. */
export interface EncodedTexts {
  readonly first: number
  readonly encodings: readonly Encoding[]
}

export interface TextsContext {
  readonly tokenizer: Tokenizer
  readonly maxLength: number
  readonly emit: Emit
}

/**
 * Tokenises texts or pairs, some at a time. What is longer than the model reads is cut; after the last of them a notice
 * `TENON_TEXT_CUT` tells how many were.
 * @throws AbortedError at once, even while long texts are tokenised; InvalidInputError for what the tokenizer refuses.
 */
export async function* encodeTexts(texts: readonly TextOrPair[], { tokenizer, maxLength, emit }: TextsContext, { signal, truncate = 'longest-first', what = 'texts' }: EncodeTextsOptions): AsyncGenerator<EncodedTexts> {
  throwIfAborted(signal) // for no texts, too
  let cut = 0
  for (let first = 0; first < texts.length; first += CHUNK) {
    throwIfAborted(signal)
    const encodings = await orAborted(tokenizer.encodeBatch(texts.slice(first, first + CHUNK), { maxLength, truncate }), signal)
    cut += encodings.filter(({ overflowing }) => overflowing.length > 0).length
    yield { first, encodings }
  }
  if (cut > 0) emit({ type: 'notice', code: 'TENON_TEXT_CUT', message: `${cut} of ${texts.length} ${what} were longer than ${maxLength} tokens; only their beginnings were read` })
}

/**
 * What an output of the form [texts, size] holds for each text, in the order of the texts; views of one matrix.
 * @throws AbortedError, InvalidInputError for what the tokenizer refuses.
 */
export async function rowsOf(
  texts: readonly TextOrPair[],
  output: string,
  run: (encodings: readonly Encoding[], options?: RunOptions) => AsyncGenerator<EncoderRun>,
  context: TextsContext,
  { onProgress, ...options }: RunTextsOptions,
): Promise<Float32Array[]> {
  const { signal } = options
  let matrix = new Float32Array(0)
  let size = 0
  let done = 0
  for await (const { first, encodings } of encodeTexts(texts, context, options)) {
    for await (const { indices, outputs } of run(encodings, signal && { signal })) {
      const values = (await outputs[output]!.data()) as Float32Array
      if (matrix.length === 0) {
        size = values.length / indices.length
        matrix = new Float32Array(texts.length * size)
      }
      indices.forEach((index, row) => matrix.set(values.subarray(row * size, (row + 1) * size), (first + index) * size))
      done += indices.length
      onProgress?.(done, texts.length)
    }
  }
  return Array.from(texts, (_, index) => matrix.subarray(index * size, (index + 1) * size))
}
