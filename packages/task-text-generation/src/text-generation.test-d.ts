import { createRuntime } from '@tenon/core'
import { expectTypeOf } from 'vitest'
import { textGeneration, type AnswerResult, type Conversation, type Message } from './index.js'

const runtime = createRuntime({ plugins: [textGeneration()] })
const generate = await runtime.task('text-generation', { model: 'm', contextLength: 2048 })
await runtime.task('text-generation', { model: 'm', draft: './small' })
await runtime.task('text-generation', { model: 'm', draft: { model: './small', backend: 'onnx', compress: { name: 'weight-only', bits: 4 }, tokens: 6 } })

for await (const piece of generate('Once', { temperature: 0.7, stop: ['\n'] })) expectTypeOf(piece).toEqualTypeOf<string>()
expectTypeOf(generate([{ role: 'user', content: 'a' }]).result).resolves.toEqualTypeOf<AnswerResult>()
const conversation = generate.conversation({ system: 's', overflow: 'drop-oldest' })
expectTypeOf(conversation).toEqualTypeOf<Conversation>()
expectTypeOf(conversation.messages).toEqualTypeOf<readonly Message[]>()

// @ts-expect-error -- no role
generate([{ content: 'a' }])
// @ts-expect-error -- spelled as in Python
generate('a', { max_new_tokens: 5 })
// @ts-expect-error -- no option of a draft
await runtime.task('text-generation', { model: 'm', draft: { model: './small', weights: 'int4' } })
// @ts-expect-error -- no way to guess
generate('a', { speculation: true })
// @ts-expect-error -- an option of a call
await runtime.task('text-generation', { model: 'm', temperature: 1 })
