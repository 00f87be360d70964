import { InvalidInputError, throwIfAborted, type Embedder, type ProgressEvent, type TaskContext } from '@tenon/core'
import { answerScore } from './answer/answer-score.js'
import { checkThreshold, checkTopK } from './check-numbers.js'
import { breathe } from './breathe.js'
import type { AddOptions, AddReport, Answer, AnswerSentence, AskOptions, KnowledgeBase, Passage, SearchOptions } from './contracts.js'
import type { Document } from './documents/document.js'
import { findFiles } from './documents/find-files.js'
import { readDocuments, type Item } from './documents/read-documents.js'
import { NoDocumentsError } from './errors/no-documents-error.js'
import type { ResolvedOptions } from './options.js'
import { PassageStore, type StoredPassage } from './passage-store.js'
import { progress } from './progress.js'
import { fuse } from './search/fuse.js'
import { coverage } from './search/lexical-index.js'
import { dot, normalise } from './search/vector-index.js'
import { SentenceVectors } from './sentence-vectors.js'
import { inContext } from './split/context.js'
import { passagesOf } from './split/passages.js'
import { wellFormed } from './well-formed.js'

const longestQuestion = 2_000
/** Passages whose sentences are compared with the question: with 10 not one more of XQuAD's answers is found. */
const passagesRead = 5

interface Hit {
  readonly passage: StoredPassage
  readonly score: number
  readonly cosine: number
}

const passageOf = ({ passage: { source, headings, text, start, end }, score }: Hit): Passage => ({ source, headings, text, start, end, score })

/** Joins reading, splitting, searching and answering into a runner. */
export function createKnowledgeBase(embed: Embedder, options: ResolvedOptions, emit: TaskContext['emit']): KnowledgeBase {
  const store = new PassageStore(embed.dimensions)
  const sentenceVectors = new SentenceVectors(embed)
  // A unit is about 1.3 tokens; headings take up to 48.
  const bound = Math.max(16, Math.min(options.passageLength, Math.floor((embed.maxLength - 48) / 1.3)))

  function checkQuestion(question: string): string {
    if (typeof question !== 'string') throw new InvalidInputError({ what: 'the question', problem: `is ${question === null ? 'null' : typeof question}`, remedy: 'pass a string' })
    if (question.trim() === '') throw new InvalidInputError({ what: 'the question', problem: 'is empty', remedy: 'ask something' })
    if (question.length > longestQuestion) {
      emit({ type: 'notice', code: 'question-cut', message: `Of a question of ${question.length} characters the first ${longestQuestion} are looked at` })
    }
    return wellFormed(question.slice(0, longestQuestion))
  }

  async function find(question: string, topK: number, signal: AbortSignal | undefined): Promise<{ query: Float32Array; hits: Hit[] }> {
    throwIfAborted(signal)
    if (store.size.passages === 0) return { query: new Float32Array(embed.dimensions), hits: [] }
    const query = normalise(await embed(question, signal === undefined ? {} : { signal }))
    throwIfAborted(signal)
    const cosines = await store.vectors.search(query, signal)
    const hits: Hit[] = []
    for (const { id, ...rest } of fuse(cosines, store.lexical.search(question))) {
      const passage = store.passage(id)
      if (passage !== undefined) hits.push({ passage, ...rest })
      if (hits.length === topK) break
    }
    return { query, hits }
  }

  async function ask(asked: string, { signal, topK = options.topK, threshold = options.threshold }: AskOptions = {}): Promise<Answer> {
    const question = checkQuestion(asked)
    checkThreshold(threshold)
    const wanted = checkTopK(topK)
    const { query, hits } = await find(question, Math.max(wanted, passagesRead), signal)
    const weights = store.lexical.weigh(question)
    const vectors = await sentenceVectors.of(hits.map(({ passage }) => passage), signal)
    const best = hits.flatMap((hit, index): AnswerSentence[] => {
      const { passage } = hit
      const passageCoverage = coverage(weights, passage.indexed)
      const scored = passage.sentences.map((sentence, position) => ({
        sentence,
        score: answerScore({
          sentenceCosine: dot(query, vectors[index]?.[position] as Float32Array),
          // Words of the headings count half: all sentences below them share those.
          sentenceCoverage: (coverage(weights, sentence.text) + coverage(weights, inContext(passage.headings, sentence.text))) / 2,
          passageCosine: hit.cosine,
          passageCoverage,
        }),
      }))
      const first = scored.reduce((one, other) => (other.score > one.score ? other : one))
      const { text, start, end } = first.sentence
      return [{ answer: text, score: first.score, source: passage.source, start, end, passage: passageOf(hit) }]
    })
    // A stable sort: of equals the passage that was found first.
    const [answer, ...others] = best.sort((one, other) => other.score - one.score)
    if (answer === undefined) return { found: false, answer: null, score: 0, alternatives: [] }
    if (answer.score < threshold) return { found: false, answer: null, score: answer.score, alternatives: [answer, ...others].slice(0, wanted) }
    return { found: true, ...answer, alternatives: others.slice(0, wanted - 1) }
  }

  async function search(question: string, { signal, topK = options.topK }: SearchOptions = {}): Promise<Passage[]> {
    const { hits } = await find(checkQuestion(question), checkTopK(topK), signal)
    return hits.map(passageOf)
  }

  async function add(what: string | readonly string[] | readonly Document[], { signal, onProgress }: AddOptions = {}): Promise<AddReport> {
    const tell = (event: ProgressEvent) => {
      emit(event)
      onProgress?.(event)
    }
    const listed: readonly (string | Document)[] = typeof what === 'string' ? [what] : what
    for (const entry of listed) {
      if (typeof entry === 'string' ? entry !== '' : typeof entry?.source === 'string' && typeof entry.text === 'string') continue
      throw new InvalidInputError({ what: 'what is to be added', problem: 'is neither a path nor a document', remedy: 'pass paths, or objects with source and text' })
    }
    const paths = listed.filter((entry) => typeof entry === 'string')
    const found = await findFiles(paths, signal)
    const items: Item[] = [...found.files.map((file) => ({ file })), ...listed.filter((entry) => typeof entry !== 'string').map((document) => ({ document }))]
    const { readers, maxFileBytes } = options
    const { loaded, skipped } = await readDocuments(items, { readers, maxFileBytes, signal, onProgress: progress('reading documents', 'documents', tell) })
    const allSkipped = [...found.skipped, ...skipped]
    if (loaded.length === 0) {
      throw new NoDocumentsError({
        paths: listed.map((entry) => (typeof entry === 'string' ? entry : entry.source)),
        extensions: readers.flatMap((reader) => reader.extensions),
        skipped: allSkipped,
      })
    }

    const documents: { key: string; passages: StoredPassage[] }[] = []
    for (const { key, source, read } of loaded) {
      await breathe()
      throwIfAborted(signal)
      const pieces = passagesOf(read, bound)
      documents.push({ key, passages: pieces.map((piece) => ({ ...piece, id: store.nextId(), source, indexed: inContext(piece.headings, piece.text) })) })
    }
    const texts = documents.flatMap(({ passages }) => passages.map(({ indexed }) => wellFormed(indexed)))
    const vectors = await embed(texts, { ...(signal === undefined ? {} : { signal }), onProgress: progress('embedding passages', 'passages', tell) })
    throwIfAborted(signal)
    let next = 0
    const ready = documents.map(({ key, passages }) => ({ key, passages: passages.map((passage) => ({ passage, vector: vectors[next++] as Float32Array })) }))
    const replaced = await store.add(ready, { signal, onProgress: progress('indexing passages', 'passages', tell) })
    return { documents: documents.length, replaced, passages: texts.length, skipped: allSkipped }
  }

  return Object.defineProperty(Object.assign(ask, { add, search }), 'size', { get: () => store.size, enumerable: true }) as unknown as KnowledgeBase
}
