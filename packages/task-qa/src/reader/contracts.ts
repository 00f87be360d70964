/** A question, and the text that may hold its answer. */
export interface QuestionInContext {
  readonly question: string
  readonly context: string
}

/** A stretch of the context. */
export interface SpanAnswer {
  /** `context.slice(start, end)`; empty where the context holds no answer. */
  readonly answer: string
  /** The probability of its first token times that of its last, among the tokens of one window. */
  readonly score: number
  /** UTF-16 code units from the start of the context. */
  readonly start: number
  readonly end: number
}

/** How spans are looked for. The defaults are those of the pipeline of `transformers`. */
export interface ReadOptions {
  /** Most tokens of a window: question, a stretch of the context, special tokens. Default 384, or what the model reads if less. */
  readonly maxSeqLen?: number
  /** Tokens that consecutive windows share. Default 128, at most half of `maxSeqLen`. */
  readonly docStride?: number
  /** Tokens read of a question; a longer one is cut, with a notice `TENON_TEXT_CUT`. Default 64. */
  readonly maxQuestionLen?: number
  /** Most tokens of an answer. Default 15. */
  readonly maxAnswerLen?: number
  /** Whether "the context does not say" is an answer too: an empty one. Default false. */
  readonly handleImpossibleAnswer?: boolean
  /** Whether answers begin and end with whole words. Where words are not written apart, as in Chinese, tokens may be better. Default true. */
  readonly alignToWords?: boolean
}

export interface AnswerOptions extends ReadOptions {
  readonly signal?: AbortSignal
  /** Called as windows are read, with UTF-16 code units of the contexts: of one long context, too. */
  readonly onProgress?: (done: number, total: number) => void
}

/** With `topK`, the best answers, best first: fewer where there are no more. */
export interface TopAnswerOptions extends AnswerOptions {
  readonly topK: number
}

/** Reads answers out of contexts; several questions share runs, and come back in their order. */
export interface QuestionAnswerer {
  (input: QuestionInContext, options: TopAnswerOptions): Promise<SpanAnswer[]>
  (input: QuestionInContext, options?: AnswerOptions): Promise<SpanAnswer>
  (inputs: readonly QuestionInContext[], options: TopAnswerOptions): Promise<SpanAnswer[][]>
  (inputs: readonly QuestionInContext[], options?: AnswerOptions): Promise<SpanAnswer[]>
}
