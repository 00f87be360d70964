import type { Store } from '@tenon/core'
import type { Reader } from './documents/reader.js'
import type { QuestionAnsweringOptions } from './reader/question-answering.js'

/** A model for question answering, and how it reads. That a passage may hold no answer is always reckoned with. */
export interface SpanReaderOptions extends Omit<QuestionAnsweringOptions, 'handleImpossibleAnswer'> {
  readonly model: string | URL
}

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
  /**
   * Where documents and passages lie. Default `memoryStore()`, which is gone with the runner; `fileStore('./kb')` keeps them
   * in a folder, and @tenon/store-postgres in a database.
   */
  readonly store?: Store
  /**
   * Reads the words that answer out of the best passages, such as `{ model: 'deepset/minilm-uncased-squad2' }`. Needs the task
   * 'question-answering' in the same runtime. Default none: answers are whole sentences.
   */
  readonly reader?: SpanReaderOptions
}

export interface ResolvedOptions {
  readonly readers: readonly Reader[]
  readonly threshold: number
  readonly topK: number
  readonly passageLength: number
  readonly maxFileBytes: number
  readonly store: Store
  readonly reader: SpanReaderOptions | undefined
}
