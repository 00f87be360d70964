import { createRuntime } from '@tenon/core'
import { expectTypeOf } from 'vitest'
import { textClassification, zeroShotClassification, type Classification } from './index.js'

const runtime = createRuntime({ plugins: [textClassification(), zeroShotClassification()] })

// One in, one list of labels out; a list in, a list for each.
const classify = await runtime.task('text-classification', { model: 'm', maxLength: 64, batchTokens: 512 })
expectTypeOf(classify('a text')).resolves.toEqualTypeOf<Classification[]>()
expectTypeOf(classify({ text: 'a', text_pair: 'b' }, { topK: 1, functionToApply: 'sigmoid' })).resolves.toEqualTypeOf<Classification[]>()
expectTypeOf(classify(['a', { text: 'b' }, ['c', 'd']], { signal: new AbortController().signal, onProgress: (done, total) => done / total })).resolves.toEqualTypeOf<Classification[][]>()
expectTypeOf(classify(['a', 'b'])).resolves.toEqualTypeOf<Classification[][]>()
expectTypeOf(classify.labels).toEqualTypeOf<readonly string[]>()

const choose = await runtime.task('zero-shot-classification', { model: 'm', entailmentId: 2 })
expectTypeOf(choose('a text', ['one', 'other'])).resolves.toEqualTypeOf<Classification[]>()
expectTypeOf(choose(['a text'], 'one, other', { hypothesisTemplate: 'It is {}.', multiLabel: true })).resolves.toEqualTypeOf<Classification[][]>()

// @ts-expect-error -- no text
await classify(5)
// @ts-expect-error -- three texts are no pair
await classify([['a', 'b', 'c']])
// @ts-expect-error -- a pair needs a first text
await classify({ text_pair: 'b' })
// @ts-expect-error -- no such function
await classify('a', { functionToApply: 'tanh' })
// @ts-expect-error -- spelled as in Python
await classify('a', { top_k: 1 })
// @ts-expect-error -- labels are missing
await choose('a text')
// @ts-expect-error -- pairs are for the other task
await choose({ text: 'a', text_pair: 'b' }, ['one'])
// @ts-expect-error -- an option of the other task
await runtime.task('text-classification', { model: 'm', entailmentId: 2 })
