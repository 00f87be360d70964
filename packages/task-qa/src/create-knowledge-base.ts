import { InvalidInputError, kindOf, throwIfAborted, type Candidate, type Collection, type Embedder, type TaskContext } from '@tenon/core'
import { addDocuments } from './add-documents.js'
import { answerScore } from './answer/answer-score.js'
import { readSpans } from './answer/read-spans.js'
import { checkFilter } from './check-metadata.js'
import { checkThreshold, checkTopK } from './check-numbers.js'
import type { Answer, AnswerSentence, AskOptions, KnowledgeBase, Passage, SearchOptions } from './contracts.js'
import { keysNamed } from './documents/keys.js'
import type { ResolvedOptions } from './options.js'
import type { QuestionAnswerer } from './reader/contracts.js'
import { fuse } from './search/fuse.js'
import { allTermsOf, coverage, searchTermsOf, weigh } from './search/question-weights.js'
import { dot, normalise } from './search/vectors.js'
import { SentenceVectors } from './sentence-vectors.js'
import { inContext } from './split/context.js'
import { wellFormed } from './well-formed.js'

const longestQuestion = 2_000
/** Passages whose sentences are compared with the question: with 10 not one more of XQuAD's answers is found. */
const passagesRead = 5
/** How many passages the store is asked for, by each of the two rankings, and at least twice as many as are wanted. */
const candidates = 128

type Hit = Candidate & { readonly score: number }

const passageOf = ({ document: { source, metadata }, passage: { headings, text, start, end }, score }: Hit): Passage => ({ source, headings, text, start, end, metadata, score })

/** Joins reading, splitting, searching and answering over a collection into a runner. */
export function createKnowledgeBase(embed: Embedder, collection: Collection, options: ResolvedOptions, emit: TaskContext['emit'], read?: QuestionAnswerer): KnowledgeBase {
  const sentenceVectors = new SentenceVectors(embed)

  function checkQuestion(question: string): string {
    if (typeof question !== 'string') throw new InvalidInputError({ what: 'the question', problem: `is ${kindOf(question)}`, remedy: 'pass a string' })
    if (question.trim() === '') throw new InvalidInputError({ what: 'the question', problem: 'is empty', remedy: 'ask something' })
    if (question.length > longestQuestion) {
      emit({ type: 'notice', code: 'TENON_QUESTION_CUT', message: `Of a question of ${question.length} characters the first ${longestQuestion} are looked at` })
    }
    return wellFormed(question.slice(0, longestQuestion))
  }

  async function find(question: string, topK: number, { signal, filter }: SearchOptions): Promise<{ query: Float32Array; hits: Hit[] }> {
    checkFilter(filter)
    throwIfAborted(signal)
    const query = normalise(await embed(question, signal && { signal }))
    throwIfAborted(signal)
    const found = await collection.search({ vector: query, terms: searchTermsOf(question), limit: Math.max(candidates, 2 * topK), ...(filter && { filter }) }, signal && { signal })
    return { query, hits: fuse(found).slice(0, topK) }
  }

  async function ask(asked: string, { signal, filter, topK = options.topK, threshold = options.threshold }: AskOptions = {}): Promise<Answer> {
    const question = checkQuestion(asked)
    checkThreshold(threshold)
    const wanted = checkTopK(topK)
    const { query, hits } = await find(question, Math.max(wanted, passagesRead), { ...(signal && { signal }), ...(filter && { filter }) })
    const weights = weigh(question, await collection.frequencies(allTermsOf(question)), collection.size.passages)
    const vectors = await sentenceVectors.of(hits, signal)
    const best = hits.map((hit, index): AnswerSentence => {
      const { headings, text, sentences } = hit.passage
      const passageCoverage = coverage(weights, inContext(headings, text))
      const scored = sentences.map(({ from, to, start, end }, position) => {
        const sentence = text.slice(from, to)
        const score = answerScore({
          sentenceCosine: dot(query, vectors[index]?.[position] as Float32Array),
          // Words of the headings count half: all sentences below them share those.
          sentenceCoverage: (coverage(weights, sentence) + coverage(weights, inContext(headings, sentence))) / 2,
          passageCosine: hit.cosine,
          passageCoverage,
        })
        return { answer: sentence, score, source: hit.document.source, start, end, passage: passageOf(hit) }
      })
      return scored.reduce((one, other) => (other.score > one.score ? other : one))
    })
    const answers = read === undefined ? best : await readSpans(read, question, best.map((sentence, index) => ({ sentence, passage: hits[index]!.passage })), signal)
    // A stable sort: of equals the passage that was found first.
    const [answer, ...others] = answers.sort((one, other) => other.score - one.score)
    if (answer === undefined) return { found: false, answer: null, score: 0, alternatives: [] }
    if (answer.score < threshold) return { found: false, answer: null, score: answer.score, alternatives: [answer, ...others].slice(0, wanted) }
    return { found: true, ...answer, alternatives: others.slice(0, wanted - 1) }
  }

  async function search(question: string, { topK = options.topK, ...where }: SearchOptions = {}): Promise<Passage[]> {
    const { hits } = await find(checkQuestion(question), checkTopK(topK), where)
    return hits.map(passageOf)
  }

  async function remove(what: string | readonly string[], { signal }: { readonly signal?: AbortSignal } = {}): Promise<{ documents: number }> {
    const names = typeof what === 'string' ? [what] : what
    if (!names.every((name) => typeof name === 'string' && name !== '')) throw new InvalidInputError({ what: 'what is to be removed', problem: 'is no path or name', remedy: 'pass what documents() lists as source or key, or a folder' })
    const { removed } = await collection.write({ remove: await keysNamed(names, await collection.documents()) }, signal && { signal })
    return { documents: removed }
  }

  const add: KnowledgeBase['add'] = (what, addOptions = {}) => addDocuments({ embed, collection, options, emit }, what, addOptions)
  const documents = async () => (await collection.documents()).map(({ key, source, metadata, passages }) => ({ key, source, metadata, passages }))
  return Object.defineProperty(Object.assign(ask, { add, remove, documents, search }), 'size', { get: () => collection.size, enumerable: true }) as unknown as KnowledgeBase
}
