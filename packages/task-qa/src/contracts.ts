import type { ProgressEvent } from '@tenon/core'
import type { Document } from './documents/document.js'
import type { Skipped } from './documents/find-files.js'

/** A part of a document. Offsets are UTF-16 code units in the document's original text, as `text.slice` counts. */
export interface Passage {
  /** The path as it was found, or the name of a document from memory. */
  readonly source: string
  /** The headings it stands under, outermost first. */
  readonly headings: readonly string[]
  /** As a person reads it: without tags, escapes and hard wraps. Longer or shorter than the original's `[start, end)`. */
  readonly text: string
  readonly start: number
  readonly end: number
  /**
   * Of a search: 0.6 · cosine + 0.4 · BM25 / the best BM25 for this question. Between 0 and 1 in practice; compares the
   * passages of one question, and not those of two questions.
   */
  readonly score: number
}

/** A sentence that may answer. Offsets as in `Passage`. */
export interface AnswerSentence {
  readonly answer: string
  /** 0 to 1: see `Answer`. */
  readonly score: number
  readonly source: string
  readonly start: number
  readonly end: number
  readonly passage: Passage
}

/**
 * What a knowledge base says to a question.
 *
 * `score` estimates how likely the sentence's passage answers the question, taking it that half of all questions have
 * an answer: a logistic regression of how close question and sentence, and question and passage, are in meaning
 * (cosine of embeddings) and in words (the share of the question's words, rare ones counting more). It is calibrated
 * with all-MiniLM-L6-v2; another embedding model orders answers as well, and wants a threshold of its own.
 */
export type Answer =
  | (AnswerSentence & {
      readonly found: true
      /** The next best sentences, each of another passage, best first. Some may be below the threshold. */
      readonly alternatives: readonly AnswerSentence[]
    })
  | {
      /** "I don't know": no sentence reached the threshold. */
      readonly found: false
      readonly answer: null
      /** Of the best sentence there was; 0 when there was none. */
      readonly score: number
      /** What came closest, best first. */
      readonly alternatives: readonly AnswerSentence[]
    }

/** What `add` did. */
export interface AddReport {
  /** Documents added by this call, replaced ones among them. */
  readonly documents: number
  readonly replaced: number
  readonly passages: number
  /** Files that were not added, and why. One that was added before keeps what it had. */
  readonly skipped: readonly Skipped[]
}

export interface AddOptions {
  readonly signal?: AbortSignal
  /** The stages are 'reading documents', 'embedding passages' and 'indexing passages'. The runtime's listeners hear them too. */
  readonly onProgress?: (event: ProgressEvent) => void
}

export interface SearchOptions {
  readonly signal?: AbortSignal
  /** How many passages, at most. */
  readonly topK?: number
}

export interface AskOptions extends SearchOptions {
  /** The lowest score of an answer, 0 to 1. Lower says "I don't know" less often, and is wrong more often. */
  readonly threshold?: number
}

/** Documents that answer questions. Everything is in memory, and freed with the runner. */
export interface KnowledgeBase {
  /**
   * The sentence that answers, or `found: false`. Only the first 2,000 characters of a question are looked at.
   * @throws InvalidInputError when the question is empty.
   * @throws AbortedError
   */
  (question: string, options?: AskOptions): Promise<Answer>
  /**
   * Adds files, folders with all that is below them, or documents from memory. What was added before under the same
   * path or name is replaced. All or nothing: until it resolves nothing of it is found, and after an abort nothing is
   * added.
   * @throws MissingFileError when a path does not exist.
   * @throws NoDocumentsError when nothing could be read.
   * @throws AbortedError
   */
  add(what: string | readonly string[] | readonly Document[], options?: AddOptions): Promise<AddReport>
  /**
   * The passages closest to a question, best first.
   * @throws InvalidInputError when the question is empty.
   * @throws AbortedError
   */
  search(question: string, options?: SearchOptions): Promise<Passage[]>
  readonly size: { readonly documents: number; readonly passages: number }
}
