import { expectTypeOf } from 'vitest'
import { createRuntime, parseDeployment, type Backend, type Compressor, type Deployment, type Model, type Runner, type Source, type Task } from './index.js'

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

// A deployment.
const deployed = createRuntime({
  plugins: [files(), onnx(), tfjs(), int8(), bert(), answering(), summarizing()],
  deployment: {
    roles: {
      'question-answering': { backend: { name: 'tfjs', memory: 1 }, model: 'm', compress: { name: 'int8', bits: 4 } },
      summarization: { backend: [{ name: 'onnx', devices: ['cuda'] }, 'tfjs'] },
      quick: { task: 'summarization', backend: { name: 'auto', among: ['onnx', { name: 'tfjs', memory: 1 }], milliseconds: 10, sizes: { batch: 1 } } },
    },
    default: { backend: 'auto', compress: 'int8' },
  },
})
expectTypeOf(await deployed.task('question-answering', {})).returns.resolves.toEqualTypeOf<Answer>()
await deployed.task('summarization', { length: 3, role: 'quick', model: 'm', backend: ['onnx', { name: 'tfjs', memory: 1 }] })
await deployed.task('summarization', { length: 3, backend: 'auto' })
const parsed = createRuntime({ plugins: [files(), onnx(), bert(), answering()], deployment: parseDeployment('{}') })
expectTypeOf(await parsed.task('question-answering', { role: 'any' })).returns.resolves.toEqualTypeOf<Answer>()
const usual = createRuntime({ plugins: [onnx(), answering()], deployment: { default: { backend: 'auto' } } })
await usual.task('question-answering', { model: 'm' })
const written: Deployment<readonly [ReturnType<typeof onnx>, ReturnType<typeof answering>], 'question-answering'> = { roles: { 'question-answering': { backend: 'onnx' } } }
createRuntime({ plugins: [onnx(), answering()], deployment: written })

// What must not compile.
// @ts-expect-error -- a role that is no task that was passed, and names none
createRuntime({ plugins: [onnx(), answering()], deployment: { roles: { 'question-anwsering': { backend: 'onnx' } } } })
// @ts-expect-error -- a role of a task that was not passed
createRuntime({ plugins: [onnx(), answering()], deployment: { roles: { quick: { task: 'summarization' } } } })
// @ts-expect-error -- a role with another task's name
createRuntime({ plugins: [answering(), summarizing()], deployment: { roles: { summarization: { task: 'question-answering' } } } })
// @ts-expect-error -- a role's backend that was not passed
createRuntime({ plugins: [onnx(), answering()], deployment: { roles: { 'question-answering': { backend: 'tfjs' } } } })
// @ts-expect-error -- a role with an option of another backend
createRuntime({ plugins: [onnx(), tfjs(), answering()], deployment: { roles: { 'question-answering': { backend: { name: 'onnx', memory: 1 } } } } })
// @ts-expect-error -- a list with an option of another backend
createRuntime({ plugins: [onnx(), tfjs(), answering()], deployment: { roles: { 'question-answering': { backend: ['tfjs', { name: 'onnx', memory: 1 }] } } } })
// @ts-expect-error -- 'auto' in a list
createRuntime({ plugins: [onnx(), tfjs(), answering()], deployment: { default: { backend: ['tfjs', 'auto'] } } })
// @ts-expect-error -- an unknown option of 'auto'
createRuntime({ plugins: [onnx(), answering()], deployment: { default: { backend: { name: 'auto', amog: ['onnx'] } } } })
// @ts-expect-error -- a compressor that was not passed
createRuntime({ plugins: [onnx(), answering()], deployment: { default: { compress: 'int8' } } })
// @ts-expect-error -- an unknown key of a role
createRuntime({ plugins: [onnx(), answering()], deployment: { roles: { 'question-answering': { device: 'cpu' } } } })
// @ts-expect-error -- a role that the deployment does not have
await deployed.task('summarization', { length: 3, role: 'quik' })
// @ts-expect-error -- without a deployment there is no role
await runtime.task('question-answering', { model: 'm', role: 'quick' })
// @ts-expect-error -- no role, and no model
await usual.task('question-answering', {})
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
