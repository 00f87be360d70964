/** What a processor may go by. */
export interface LogitsContext {
  /** The prompt's tokens and those generated since. */
  readonly tokens: readonly number[]
  readonly promptLength: number
}

/** Changes the logits of the next token, one for each token of the vocabulary, where they lie. -Infinity forbids a token. */
export type LogitsProcessor = (logits: Float32Array, context: LogitsContext) => void
