import { createRuntime } from '@tenon/core'
import { expectTypeOf } from 'vitest'
import { textGeneration, type AnswerResult, type Conversation, type Message } from './index.js'

const runtime = createRuntime({ plugins: [textGeneration()] })
const generate = await runtime.task('text-generation', { model: 'm', contextLength: 2048 })

for await (const piece of generate('Once', { temperature: 0.7, stop: ['\n'] })) expectTypeOf(piece).toEqualTypeOf<string>()
expectTypeOf(generate([{ role: 'user', content: 'a' }]).result).resolves.toEqualTypeOf<AnswerResult>()
const conversation = generate.conversation({ system: 's', overflow: 'drop-oldest' })
expectTypeOf(conversation).toEqualTypeOf<Conversation>()
expectTypeOf(conversation.messages).toEqualTypeOf<readonly Message[]>()

// @ts-expect-error -- no role
generate([{ content: 'a' }])
// @ts-expect-error -- spelled as in Python
generate('a', { max_new_tokens: 5 })
// @ts-expect-error -- an option of a call
await runtime.task('text-generation', { model: 'm', temperature: 1 })
