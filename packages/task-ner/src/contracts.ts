import type { RunOptions } from '@tenon/core'

/**
 * How tokens become entities, as the pipeline of `transformers` does it.
 * - `none`: every token for itself.
 * - `simple`: neighbours of one tag make an entity; `B-` begins another.
 * - `first`, `average`, `max`: as `simple`, and the tokens of a word agree: on the tag of its first token, on that of the
 *   highest mean score, or on that of its surest token.
 */
export type AggregationStrategy = 'none' | 'simple' | 'first' | 'average' | 'max'

interface Labelled {
  /** 0 to 1: a softmax over the labels. */
  readonly score: number
  /** What the tokens read as, as the tokenizer wrote them: uncased, perhaps. `text.slice(start, end)` is what the text says. */
  readonly word: string
  /** UTF-16 code units from the start of the text. */
  readonly start: number
  readonly end: number
}

/** A token with its label. */
export interface ClassifiedToken extends Labelled {
  /** The label, `'B-PER'`. */
  readonly entity: string
  /** Which token it is of the whole text, special tokens included. */
  readonly index: number
}

/** Neighbouring tokens of one tag. */
export interface EntityGroup extends Labelled {
  /** The label without its `B-` or `I-`, `'PER'`. */
  readonly entity_group: string
}

/** What a strategy gives. */
export type Classified<Strategy extends AggregationStrategy> = Strategy extends 'none' ? ClassifiedToken : EntityGroup

export interface ClassifyTokensOptions<Strategy extends AggregationStrategy = AggregationStrategy> extends RunOptions {
  /** Default `'none'`. */
  readonly aggregationStrategy?: Strategy
  /** Labels, or groups of them, to leave out. Default `['O']`. */
  readonly ignoreLabels?: readonly string[]
  /** Tokens that consecutive windows of a long text share. Default 128, at most half of what the model reads. */
  readonly stride?: number
  /** Called as windows are read, with UTF-16 code units of the texts. */
  readonly onProgress?: (done: number, total: number) => void
}

/** Labels tokens: for a text a list of those found, in their order; for texts a list for each. */
export interface TokenClassifier {
  <Strategy extends AggregationStrategy = 'none'>(text: string, options?: ClassifyTokensOptions<Strategy>): Promise<Classified<Strategy>[]>
  <Strategy extends AggregationStrategy = 'none'>(texts: readonly string[], options?: ClassifyTokensOptions<Strategy>): Promise<Classified<Strategy>[][]>
  /** The model's labels, in its own order. */
  readonly labels: readonly string[]
  /** Tokens of a window; longer texts are read in several. */
  readonly maxLength: number
}
