import type { Filter, Metadata, ProgressEvent, StoredDocument } from '@tenon/core'
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
  /** Of its document. */
  readonly metadata: Metadata
  /**
   * Of a search: 0.6 · cosine + 0.4 · BM25 / the best BM25 for this question. Between 0 and 1 in practice; compares the
   * passages of one question, and not those of two questions.
   */
  readonly score: number
}

/** A sentence that may answer, or with a reader the words. Offsets as in `Passage`. */
export interface AnswerSentence {
  readonly answer: string
  /** 0 to 1: see `Answer`. */
  readonly score: number
  readonly source: string
  readonly start: number
  readonly end: number
  readonly passage: Passage
  /** With a reader: the probability of the words in their passage. */
  readonly spanScore?: number
  /** With a reader: the passage's best sentence, as it would answer without one, with its calibrated score. */
  readonly sentence?: { readonly answer: string; readonly score: number; readonly start: number; readonly end: number }
}

/**
 * What a knowledge base says to a question.
 *
 * `score` estimates how likely the sentence's passage answers the question, taking it that half of all questions have
 * an answer: a logistic regression of how close question and sentence, and question and passage, are in meaning
 * (cosine of embeddings) and in words (the share of the question's words, rare ones counting more). It is calibrated
 * with all-MiniLM-L6-v2; another embedding model orders answers as well, and wants a threshold of its own.
 *
 * With a reader, `score` is the geometric mean of that and of the probability that the reader gives to the words, and
 * `sentence` keeps what the knowledge base alone would say.
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
  /** Documents that are there as they are now, and were neither read nor embedded again. */
  readonly unchanged: number
  /** Documents whose files are gone, with `prune`. */
  readonly removed: number
  readonly passages: number
  /** Files that were not added, and why. One that was added before keeps what it had. */
  readonly skipped: readonly Skipped[]
}

export interface AddOptions {
  /**
   * Fields to filter by: of all documents of this call, also of those that have not changed. Left out, documents keep what
   * they have.
   */
  readonly metadata?: Metadata
  /** Whether documents from below the folders are removed where their files are gone. Default false. */
  readonly prune?: boolean
  readonly signal?: AbortSignal
  /** The stages are 'reading documents', 'embedding passages' and 'indexing passages'. The runtime's listeners hear them too. */
  readonly onProgress?: (event: ProgressEvent) => void
}

export interface SearchOptions {
  readonly signal?: AbortSignal
  /** How many passages, at most. */
  readonly topK?: number
  /** Only documents whose metadata are so: `{ lang: 'en', year: { gte: 2020 }, team: { in: ['ops', 'web'] } }`. */
  readonly filter?: Filter
}

export interface AskOptions extends SearchOptions {
  /** The lowest score of an answer, 0 to 1. Lower says "I don't know" less often, and is wrong more often. */
  readonly threshold?: number
}

/** A document, as `documents` lists it. */
export type DocumentInfo = Pick<StoredDocument, 'key' | 'source' | 'metadata' | 'passages'>

/** Documents that answer questions. They lie in the store that was passed; by default in memory, and freed with the runner. */
export interface KnowledgeBase {
  /**
   * The sentence that answers, or `found: false`. Only the first 2,000 characters of a question are looked at.
   * @throws InvalidInputError when the question is empty, or the filter is none.
   * @throws AbortedError, StoreError
   */
  (question: string, options?: AskOptions): Promise<Answer>
  /**
   * Adds files, folders with all that is below them, or documents from memory. What was added before under the same
   * path or name is replaced, unless it is as it was: then it costs no more than reading it. All or nothing: until it
   * resolves nothing of it is found, and after a failure or an abort everything is as before.
   * @throws MissingFileError when a path does not exist.
   * @throws NoDocumentsError when nothing could be read.
   * @throws AbortedError, StoreError, StoreConflictError
   */
  add(what: string | readonly string[] | readonly Document[], options?: AddOptions): Promise<AddReport>
  /**
   * Removes documents: by the path of a file, which may be gone, or of a folder for all that is below it; by name; or by
   * key. All or nothing.
   * @returns how many there were.
   * @throws AbortedError, StoreError, StoreConflictError
   */
  remove(what: string | readonly string[], options?: { readonly signal?: AbortSignal }): Promise<{ readonly documents: number }>
  /** What is there, in the order in which it came. */
  documents(): Promise<DocumentInfo[]>
  /**
   * The passages closest to a question, best first.
   * @throws InvalidInputError when the question is empty, or the filter is none.
   * @throws AbortedError, StoreError
   */
  search(question: string, options?: SearchOptions): Promise<Passage[]>
  readonly size: { readonly documents: number; readonly passages: number }
}
