import { expectTypeOf } from 'vitest'
import { createRuntime, type Backend, type Compressor, type Model, type Runner, type Source, type Task } from './index.js'

interface Answer {
  readonly answer: string
}

declare const onnx: () => Backend<'onnx', { readonly devices?: readonly string[] }>
declare const tfjs: () => Backend<'tfjs', { readonly memory?: number }>
declare const int8: () => Compressor<'int8', { readonly bits?: 4 | 8 }>
declare const files: () => Source<'files'>
declare const bert: () => Model<'bert'>
declare const answering: () => Task<'question-answering', { readonly topK?: number }, (question: string) => Promise<Answer>>
declare const summarizing: () => Task<'summarization', { readonly length: number }, (text: string) => Promise<string>>
declare const unnamed: () => Task<string, object, Runner>

const runtime = createRuntime({ plugins: [files(), onnx(), tfjs(), int8(), bert(), answering(), summarizing()] })

// What was passed.
const ask = await runtime.task('question-answering', { model: 'm', topK: 3, backend: { name: 'onnx', devices: ['cpu'] }, compress: { name: 'int8', bits: 4 } })
expectTypeOf(ask).parameters.toEqualTypeOf<[question: string]>()
expectTypeOf(ask).returns.resolves.toEqualTypeOf<Answer>()
expectTypeOf(ask.dispose).returns.resolves.toEqualTypeOf<void>()
expectTypeOf(ask[Symbol.asyncDispose]).toBeFunction()
expectTypeOf(await runtime.task('summarization', { model: new URL('file:///m'), length: 3, backend: 'tfjs' })).returns.resolves.toEqualTypeOf<string>()
await runtime.task('question-answering', { model: 'm', backend: { name: 'tfjs', memory: 1 }, compress: 'int8', signal: new AbortController().signal })
runtime.on('progress', (event) => expectTypeOf(event.done).toEqualTypeOf<number>())

// What must not compile.
// @ts-expect-error -- misspelt
await runtime.task('question-anwsering', { model: 'm' })
// @ts-expect-error -- a task whose plugin was not passed
await runtime.task('translation', { model: 'm' })
// @ts-expect-error -- no model
await runtime.task('question-answering', {})
// @ts-expect-error -- no request
await runtime.task('question-answering')
// @ts-expect-error -- an option of the task is missing
await runtime.task('summarization', { model: 'm' })
// @ts-expect-error -- an option of another task
await runtime.task('question-answering', { model: 'm', length: 3 })
// @ts-expect-error -- an option of the wrong type
await runtime.task('question-answering', { model: 'm', topK: '3' })
// @ts-expect-error -- a backend that was not passed
await runtime.task('question-answering', { model: 'm', backend: 'tensorrt' })
// @ts-expect-error -- an option of another backend
await runtime.task('question-answering', { model: 'm', backend: { name: 'onnx', memory: 1 } })
// @ts-expect-error -- a backend's option of the wrong type
await runtime.task('question-answering', { model: 'm', backend: { name: 'onnx', devices: 'cpu' } })
// @ts-expect-error -- a compressor that was not passed
await runtime.task('question-answering', { model: 'm', compress: 'prune' })
// @ts-expect-error -- a compressor's option of the wrong type
await runtime.task('question-answering', { model: 'm', compress: { name: 'int8', bits: 5 } })
// @ts-expect-error -- the runner takes a string
await ask(3)
// @ts-expect-error -- no such event
runtime.on('nothing', () => undefined)
// @ts-expect-error -- a plugin that is listed twice
createRuntime({ plugins: [files(), onnx(), onnx()] })
// @ts-expect-error -- the factory instead of the plugin
createRuntime({ plugins: [bert] })
// @ts-expect-error -- no plugin
createRuntime({ plugins: [{ name: 'x' }] })
// @ts-expect-error -- a runtime without a backend takes none
await createRuntime({ plugins: [files(), bert(), answering()] }).task('question-answering', { model: 'm', backend: 'onnx' })

// One name for plugins of two kinds, and names that are known only at run time, are no duplicates.
createRuntime({ plugins: [{ ...files(), name: 'onnx' as const }, onnx()] })
createRuntime({ plugins: [unnamed(), unnamed()] })
