import { createRuntime } from '@tenon/core'
import { expectTypeOf } from 'vitest'
import { rerank, type RankedDocument } from './index.js'

const runtime = createRuntime({ plugins: [rerank()] })
const rank = await runtime.task('text-ranking', { model: 'm', prompt: 'query: ' })

// Documents come back as what they were.
expectTypeOf(rank('a query', ['a', 'b'])).resolves.toEqualTypeOf<RankedDocument<string>[]>()
const documents = [{ text: 'a', id: 1 }]
expectTypeOf(rank('a query', documents, { topK: 3, activation: 'none' })).resolves.toEqualTypeOf<RankedDocument<{ text: string; id: number }>[]>()

// One in, one out; a list in, a list out.
expectTypeOf(rank.score(['a query', 'a'])).resolves.toEqualTypeOf<number>()
expectTypeOf(rank.score([['a query', 'a'], ['a query', { text: 'b' }]])).resolves.toEqualTypeOf<number[]>()

// @ts-expect-error -- a document without a text
await rank('a query', [{ title: 'a' }])
// @ts-expect-error -- no documents
await rank('a query')
// @ts-expect-error -- no such activation
await rank('a query', ['a'], { activation: 'softmax' })
// @ts-expect-error -- half a pair
await rank.score([['a query']])
