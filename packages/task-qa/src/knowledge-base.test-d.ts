import { createRuntime, type Embedder, type Task } from '@tenon/core'
import { fileStore, knowledgeBase, type Answer, type KnowledgeBase } from './index.js'

declare const embedding: Task<'embedding', object, Embedder>
declare const answer: Answer

const runtime = createRuntime({ plugins: [embedding, knowledgeBase({ threshold: 0.4 })] })
export const ask: KnowledgeBase = await runtime.task('knowledge-base', { model: 'a', topK: 3 })

// @ts-expect-error an option that does not exist
await runtime.task('knowledge-base', { model: 'a', treshold: 0.4 })

// @ts-expect-error an answer has a source only when one was found
export const source: string = answer.source
export const sentence: string | null = answer.answer
export const found: string = answer.found ? answer.answer : (answer.alternatives[0]?.source ?? '')

// @ts-expect-error paths and documents are not mixed
await ask.add(['a.md', { source: 'b', text: 'c' }])

await ask('?', { filter: { lang: 'en', year: { gte: 2020 }, team: { in: ['ops', 'web'] }, day: { lt: '2024-06' } } })
await ask.add('a.md', { metadata: { lang: 'en', year: 2024, draft: false } })
await runtime.task('knowledge-base', { model: 'a', store: fileStore('./kb') })

// @ts-expect-error bounds of two types
await ask.search('?', { filter: { year: { gte: 2020, lt: '2024' } } })
// @ts-expect-error an operator that does not exist
await ask.search('?', { filter: { year: { from: 2020 } } })
// @ts-expect-error metadata are flat
await ask.add('a.md', { metadata: { author: { name: 'x' } } })
// @ts-expect-error a path is no store
await runtime.task('knowledge-base', { model: 'a', store: './kb' })
