import type { Reader } from './documents/reader.js'

/** Settings of a knowledge base. Passed to `knowledgeBase()` they are the defaults of every runner it makes. */
export interface KnowledgeBaseOptions {
  /**
   * Formats it reads. Default: `standardReaders` (.txt, .md, .html, .json, .jsonl and their like); add to them with
   * `[...standardReaders, pdf]`. Where two read one extension, the later is used.
   */
  readonly readers?: readonly Reader[]
  /**
   * The lowest score of an answer, 0 to 1; below it the answer is `found: false`. Default 0.5. Measured on articles of
   * XQuAD that were kept out of the fit, with all-MiniLM-L6-v2: at 0.5, 88 % of English and 83 % of Chinese questions
   * are answered where the paragraph is there, and 99 and 98 % are refused where the whole article is absent, 91 and
   * 87 % where only the paragraph is.
   */
  readonly threshold?: number
  /** How many passages a search returns, and sentences an answer with its alternatives. Default 5. */
  readonly topK?: number
  /**
   * The longest passage: words, or Chinese characters. Default 160, and never more than the embedding model reads.
   * Sentences are kept whole unless one alone is longer.
   */
  readonly passageLength?: number
  /** Larger files are skipped. Default 32 MiB. */
  readonly maxFileBytes?: number
}

export interface ResolvedOptions {
  readonly readers: readonly Reader[]
  readonly threshold: number
  readonly topK: number
  readonly passageLength: number
  readonly maxFileBytes: number
}
