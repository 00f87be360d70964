import type { DerivedStore } from './derived-store.js'

/** A text as a model reads it. */
export interface Encoding {
  readonly ids: readonly number[]
  /** 0 for the first text, 1 for the second of a pair. */
  readonly typeIds: readonly number[]
  /** 1 where the tokenizer added a token that is not in the text. */
  readonly specialTokensMask: readonly number[]
  readonly tokens: readonly string[]
  /**
   * `[start, end)` of each token in the text it came from, as indices of UTF-16 units, so that
   * `text.slice(start, end)` is the token's source. `[0, 0]` for special tokens.
   */
  readonly offsets: readonly (readonly [number, number])[]
  /** Which text each token came from, 0 or 1; `null` for special tokens. */
  readonly sequenceIds: readonly (0 | 1 | null)[]
  /**
   * Which word of its text each token is a piece of, counted as the tokenizer splits texts before it looks for pieces;
   * `null` for special tokens. Windows keep the numbers of the whole text.
   */
  readonly wordIds: readonly (number | null)[]
  /** The windows that follow where the text was longer than `maxLength`. */
  readonly overflowing: readonly Encoding[]
}

export interface EncodeOptions {
  /** Default true. */
  readonly addSpecialTokens?: boolean
  /**
   * What a control token's name in the text stands for: `'tokens'` for that token; `'text'` for its letters, as is safe for
   * what somebody else wrote, such as a source file that holds `<|im_end|>`. Tokens that the tokenizer adds by itself are not
   * concerned. Default `'tokens'`.
   */
  readonly specialTokens?: 'tokens' | 'text'
  /** Longest encoding, special tokens included. Default: no limit, whatever the tokenizer file says. */
  readonly maxLength?: number
  /** Tokens that consecutive windows share. Default 0. */
  readonly stride?: number
  /** Which text of a pair is cut. Default `'longest-first'`. */
  readonly truncate?: 'longest-first' | 'only-first' | 'only-second'
}

export type TextOrPair = string | readonly [string, string]

/** A token that is found in a text before the vocabulary's own are looked for: a control token, or an added word. */
export interface AddedToken {
  readonly content: string
  readonly id: number
  /** Whether it stands for no text of its own, and is left out where special tokens are. */
  readonly special: boolean
}

/** Text to ids and back. Lone surrogates are read as U+FFFD; offsets still hold. */
export interface Tokenizer {
  readonly vocabularySize: number
  encode(text: TextOrPair, options?: EncodeOptions): Promise<Encoding>
  encodeBatch(texts: readonly TextOrPair[], options?: EncodeOptions): Promise<Encoding[]>
  decode(ids: readonly number[], options?: { readonly skipSpecialTokens?: boolean }): Promise<string>
  /** What tokens read as, put together by the tokenizer's own decoder. They need not be in the vocabulary. */
  join(tokens: readonly string[]): string
  idOf(token: string): number | undefined
  tokenOf(id: number): string | undefined
  /** In the order of their ids. */
  readonly addedTokens: readonly AddedToken[]
  /** The special tokens the files name. */
  readonly special: {
    readonly pad?: string
    readonly cls?: string
    readonly sep?: string
    readonly mask?: string
    readonly unk?: string
    readonly bos?: string
    readonly eos?: string
  }
  /** What marks a token that goes on with a word, WordPiece's `'##'`; `undefined` where the model has no such mark. */
  readonly subwordPrefix: string | undefined
  /** Where padding went in training, as the files say. Models padded on the left take the longer text of a pair first. */
  readonly paddingSide: 'left' | 'right'
  /** The longest input the files allow, in tokens, or `undefined`. */
  readonly maxLength: number | undefined
  /** Where its vocabulary is kept from one process to the next. */
  readonly derived?: DerivedStore | undefined
}
