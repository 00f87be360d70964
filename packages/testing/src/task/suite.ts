import { createRuntime, type Plugin, type Task, type TenonEvent } from '@tenon/core'
import { keeps } from '../breach.js'
import { isEvent } from '../events.js'
import type { TestFramework } from '../framework.js'
import { apartAt } from '../near.js'
import { rejects } from '../rejects.js'
import { watch, type Watch } from './watch.js'

/** One input, and what a runner makes of it. */
export interface TaskCase<Input, Output> {
  readonly name: string
  readonly input: Input
  /** Compared member by member, numbers within the suite's tolerance. */
  readonly expected?: NoInfer<Output>
  /** Throws, or says false, where the output is not what it should be. */
  check?(output: NoInfer<Output>): unknown
}

/** What every runner takes with its input. */
export interface TaskCallOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (done: number, total: number) => void
}

type AnyTask = Task<string, never, (...inputs: never[]) => unknown>
type RunnerOf<T extends AnyTask> = Awaited<ReturnType<T['create']>>

export interface TaskSuite<T extends AnyTask, Input, Output> {
  create(): T
  /** What it runs with: sources, a backend, model families, other tasks. Called for each runtime. */
  plugins(): readonly Plugin[]
  /** What `runtime.task` is asked for: the model, and options of the task. */
  readonly request: { readonly model: string | URL; readonly [option: string]: unknown }
  readonly cases: readonly TaskCase<Input, Output>[]
  /** Runs one input. The options are to be passed on, unknown ones too. */
  run(runner: RunnerOf<T>, input: Input, options: TaskCallOptions): Promise<Output>
  /** Runs several inputs in one call, where the runner takes many. */
  batch?(runner: RunnerOf<T>, inputs: readonly Input[], options: TaskCallOptions): Promise<readonly Output[]>
  /** How far a number may be from the expected one. Default 1e-4. */
  readonly tolerance?: number
}

type Disposable = { dispose(): Promise<void> }

/**
 * Declares the tests that every task passes: what its runner makes of the cases, one by one, at once and in a batch; that it
 * can be aborted at any moment, and frees all that it opened; that it refuses options that it does not know.
 * @example
 * testTask({ describe, it, afterAll }, {
 *   create: () => embedding(),
 *   plugins: () => [files(), onnx(), bert()],
 *   request: { model: folder },
 *   run: (embed, text: string, options) => embed(text, options),
 *   batch: (embed, texts, options) => embed(texts, options),
 *   cases: [{ name: 'a word', input: 'oak', check: (vector) => vector.length === 32 }],
 * })
 */
export function testTask<T extends AnyTask, Input, Output>({ describe, it }: TestFramework, { create, plugins, request, cases, run, batch, tolerance = 1e-4 }: TaskSuite<T, Input, Output>): void {
  const { kind, version, name } = create()
  type Runner = RunnerOf<T> & Disposable

  /** A runtime in which everything that is opened is counted. */
  async function withRuntime<R>(work: (ask: (more?: object) => Promise<Runner>, watched: Watch, events: readonly TenonEvent[]) => Promise<R>): Promise<R> {
    const watched = watch(plugins())
    const runtime = createRuntime({ plugins: [...watched.plugins, create()] as never })
    const events: TenonEvent[] = []
    for (const type of ['progress', 'timing', 'memory', 'notice'] as const) runtime.on(type, (event) => void events.push(event))
    try {
      return await work((more = {}) => runtime.task(name as never, { ...request, ...more } as never) as unknown as Promise<Runner>, watched, events)
    } finally {
      await runtime.dispose()
    }
  }

  const withRunner = (work: (runner: Runner, watched: Watch, events: readonly TenonEvent[]) => Promise<void>) => withRuntime(async (ask, watched, events) => work(await ask(), watched, events))

  const first = cases[0]!
  const allAtOnce = (runner: Runner, options: TaskCallOptions): Promise<unknown> => (batch === undefined ? run(runner, first.input, options) : batch(runner, cases.map(({ input }) => input), options))

  function checkOutput({ name: of, input, expected, check }: TaskCase<Input, Output>, output: Output): void {
    const away = expected === undefined ? undefined : apartAt(output, expected, tolerance)
    keeps(away === undefined, { contract: 'a runner gives what is expected', did: `of '${of}' ${away ?? ''}`, actual: output, expected })
    if (check === undefined) return
    const said = check(output)
    keeps(said !== false, { contract: 'a runner gives what is expected', did: `the output for '${of}' (${JSON.stringify(input)}) is not what it should be`, actual: output })
  }

  function nothingHeld({ executables, checkpoints, tensors }: Watch, after: string, contract: string): void {
    const held = Object.entries({ executables, checkpoints, tensors }).filter(([, count]) => count.held !== 0)
    keeps(held.length === 0, { contract, did: `after ${after}, ${held.map(([what, { held: left, opened }]) => `${left} of ${opened} ${what}`).join(' and ')} are not freed` })
  }

  describe(`the contract of a task: ${name}`, () => {
    it('is a plugin of the contract v1', async () => keeps(kind === 'task' && version === 'v1', { contract: "a task has the kind 'task' and the version 'v1'", did: `it has the kind '${String(kind)}' and the version '${String(version)}'` }))

    for (const each of cases) {
      it(`gives what is expected: ${each.name}`, () =>
        withRunner(async (runner) => {
          const before = JSON.stringify(each.input)
          checkOutput(each, await run(runner, each.input, {}))
          keeps(JSON.stringify(each.input) === before, { contract: 'inputs are read', did: 'the runner changed its input' })
        }))
    }

    it('gives the same to many who ask at once', () =>
      withRunner(async (runner) => {
        const asked = [...cases, ...cases]
        const outputs = await Promise.all(asked.map(({ input }) => run(runner, input, {})))
        for (const [index, output] of outputs.entries()) checkOutput(asked[index]!, output)
        for (const each of cases) {
          const alone = await run(runner, each.input, {})
          const away = apartAt(outputs[cases.indexOf(each)], alone, tolerance)
          keeps(away === undefined, { contract: 'calls may overlap, and none changes what another gives', did: `of '${each.name}' ${away ?? ''} when others ask at once` })
        }
      }))

    if (batch !== undefined) {
      it('gives the same in one batch as one by one', () =>
        withRunner(async (runner) => {
          const together = await batch(runner, cases.map(({ input }) => input), {})
          keeps(together.length === cases.length, { contract: 'a batch gives an output for each input', did: `it gave ${together.length} for ${cases.length}` })
          for (const [index, each] of cases.entries()) {
            checkOutput(each, together[index]!)
            const away = apartAt(together[index], await run(runner, each.input, {}), tolerance)
            keeps(away === undefined, { contract: 'what an input gives does not depend on its neighbours', did: `of '${each.name}' ${away ?? ''} in a batch` })
          }
        }))

      it('makes nothing of nothing', () =>
        withRunner(async (runner) => {
          const nothing = await batch(runner, [], {})
          keeps(nothing.length === 0, { contract: 'a batch gives an output for each input', did: `it gave ${nothing.length} for none` })
        }))
    }

    it('frees every executable, tensor and checkpoint that it opened', () =>
      withRuntime(async (ask, watched) => {
        const contract = 'what a task opens is freed with its runner'
        const [one, other] = [await ask(), await ask()]
        for (const { input } of cases) await run(one, input, {})
        await allAtOnce(one, {})
        keeps(watched.tensors.held === 0, { contract: 'the outputs of an executable belong to the caller, who frees them', did: `after the calls, ${watched.tensors.held} of ${watched.tensors.opened} tensors are not freed` })
        await one.dispose()
        checkOutput(first, await run(other, first.input, {}))
        await other.dispose()
        await other.dispose()
        nothingHeld(watched, 'the disposal of the runner', contract)
      }))

    it('refuses to run after its disposal', () =>
      withRunner(async (runner) => {
        await runner.dispose()
        await rejects(() => run(runner, first.input, {}), { code: 'TENON_DISPOSED', asked: 'A call after the disposal', contract: 'what was disposed of throws a DisposedError when it is used' })
      }))

    describe('an aborted creation', () => {
      const refusal = { code: 'TENON_ABORTED', contract: 'the signal of a request aborts the creation of the task' }

      it('does not begin when the signal is aborted before', () =>
        withRuntime(async (ask, watched) => {
          await rejects(() => ask({ signal: AbortSignal.abort() }), { ...refusal, asked: 'A request with a signal that is aborted' })
          keeps(watched.checkpoints.opened === 0, { contract: refusal.contract, did: 'it opened the model all the same' })
        }))

      for (const moment of ['open', 'compile'] as const) {
        it(`ends, and leaves nothing open, when the signal aborts as the task begins to ${moment}`, () =>
          withRuntime(async (ask, watched) => {
            const controller = new AbortController()
            let came = false
            watched.before[moment] = () => {
              came = true
              controller.abort()
            }
            const asked = ask({ signal: controller.signal })
            const outcome = await asked.then(() => 'made', () => 'refused')
            if (came) await rejects(() => asked, { ...refusal, asked: `A request whose signal aborts as the task begins to ${moment}` })
            else keeps(outcome === 'made', { contract: 'a task is made', did: 'it was refused although nothing aborted it' })
            if (came) nothingHeld(watched, 'the abort', 'nothing is left half done')
          }))
      }
    })

    describe('an aborted call', () => {
      const refusal = { code: 'TENON_ABORTED', contract: 'the signal of a call aborts it' }

      it('does not begin when the signal is aborted before, and the next one runs', () =>
        withRunner(async (runner) => {
          await rejects(() => run(runner, first.input, { signal: AbortSignal.abort() }), { ...refusal, asked: 'A call with a signal that is aborted' })
          checkOutput(first, await run(runner, first.input, {}))
        }))

      it('ends when the signal aborts while the model runs, and the next one runs', () =>
        withRunner(async (runner, watched) => {
          const controller = new AbortController()
          let came = false
          watched.before.run = () => {
            came = true
            controller.abort()
          }
          const asked = allAtOnce(runner, { signal: controller.signal })
          await asked.catch(() => undefined)
          if (came) await rejects(() => asked, { ...refusal, asked: 'A call whose signal aborts while the model runs' })
          watched.before.run = undefined
          keeps(watched.tensors.held === 0, { contract: 'nothing is left half done', did: `after the abort, ${watched.tensors.held} of ${watched.tensors.opened} tensors are not freed` })
          checkOutput(first, await run(runner, first.input, {}))
        }))
    })

    it('refuses options that it does not know, of the task and of a call', () =>
      withRuntime(async (ask, watched) => {
        const refusal = { code: 'TENON_INVALID_OPTION', naming: ["'noSuchOption'"], contract: 'an unknown option throws an InvalidOptionError, since JavaScript callers have no type checker' }
        await rejects(() => ask({ noSuchOption: 1 }), { ...refusal, asked: "A task with the option 'noSuchOption'" })
        nothingHeld(watched, 'the refusal', 'what a task opens is freed when it is not made')
        const runner = await ask()
        await rejects(() => run(runner, first.input, { noSuchOption: 1 } as TaskCallOptions), { ...refusal, asked: "A call with the option 'noSuchOption'" })
      }))

    it('tells how far it is, in events and progress that are well formed', () =>
      withRunner(async (runner, _, events) => {
        const told: (readonly [number, number])[] = []
        await allAtOnce(runner, { onProgress: (...progress) => told.push(progress) })
        for (const event of events) keeps(isEvent(event), { contract: 'events are those of TenonEvent', did: 'it told an event that is none', actual: event })
        for (const event of events) if (event.type === 'progress') keeps(event.done >= 0 && event.done <= (event.total ?? Infinity), { contract: 'progress is done out of total', did: `it told of ${event.done} out of ${event.total}`, actual: event })
        for (const [index, [done, total]] of told.entries()) {
          keeps(Number.isFinite(done) && done >= (told[index - 1]?.[0] ?? 0) && done <= total, { contract: 'onProgress(done, total) goes up to total', did: `it told of ${done} out of ${total} after ${told[index - 1]?.[0] ?? 0}`, actual: told })
        }
        const last = told.at(-1)
        keeps(last === undefined || last[0] === last[1], { contract: 'onProgress(done, total) goes up to total', did: `the last it told was ${last?.join(' out of ')}`, actual: told })
      }))
  })
}

