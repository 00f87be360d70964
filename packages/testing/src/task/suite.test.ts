import { checkOptions, DisposedError, tensor, throwIfAborted, type Graph, type Model, type Source, type Task, type TaskContext } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { doubling } from '../backend/graphs.js'
import { failures, record } from '../test-recorder.js'
import { toy } from '../test-toy-backend.js'
import { testTask } from './suite.js'

type Mistake =
  | 'changes its input'
  | 'computes something else'
  | 'gives a batch in another order'
  | 'goes back in its progress'
  | 'goes on after disposal'
  | 'goes on after an abort'
  | 'holds on to outputs'
  | 'holds on to outputs when it is aborted'
  | 'mixes up those who ask at once'
  | 'takes any option'
  | 'takes any option of a call'
  | 'tells of more than there is'

interface CallOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (done: number, total: number) => void
}

interface Doubler {
  (numbers: readonly number[], options?: CallOptions): Promise<number[]>
  (lists: readonly (readonly number[])[], options?: CallOptions): Promise<number[][]>
}

/** A task that doubles numbers. */
function doubler(mistake?: Mistake): Task<'doubling', object, Doubler> {
  const has = (wanted: Mistake) => mistake === wanted

  async function create(context: TaskContext, options: object): Promise<Doubler> {
    if (!has('takes any option')) checkOptions("the task 'doubling'", options, [])
    const { graphs } = await context.open('base')
    const executable = await context.compile(graphs['model']!)
    let disposed = false
    context.defer(() => void (disposed = true))
    let last: readonly number[] = []

    async function one(numbers: readonly number[], { signal }: CallOptions): Promise<number[]> {
      if (has('goes on after disposal')) return numbers.map((value) => 2 * value)
      last = numbers
      await Promise.resolve()
      const x = tensor('float32', [numbers.length], Float32Array.from(has('mixes up those who ask at once') ? last : numbers))
      if (has('holds on to outputs when it is aborted') && signal !== undefined) {
        const { y } = await executable.run({ x })
        throwIfAborted(signal)
        return Array.from((await y!.data()) as Float32Array)
      }
      const outputs = await executable.run({ x }, has('goes on after an abort') ? {} : signal && { signal })
      const made = Array.from((await outputs['y']!.data()) as Float32Array)
      if (!has('holds on to outputs')) outputs['y']![Symbol.dispose]()
      return has('computes something else') ? made.map((value) => value + 0.01) : made
    }

    async function double(input: readonly number[] | readonly (readonly number[])[], call: CallOptions = {}): Promise<number[] | number[][]> {
      if (disposed && !has('goes on after disposal')) throw new DisposedError({ what: "task 'doubling'" })
      if (!has('takes any option of a call')) checkOptions("a call of the task 'doubling'", call, ['signal', 'onProgress'])
      if (!has('goes on after an abort')) throwIfAborted(call.signal)
      if (has('tells of more than there is')) context.emit({ type: 'progress', stage: 'doubling', done: 3, total: 2, unit: 'lists' })
      if (input.length > 0 && typeof input[0] === 'number') {
        const doubled = await one(input as readonly number[], call)
        if (has('changes its input')) (input as number[])[0] = 99
        return doubled
      }
      const lists = input as readonly (readonly number[])[]
      const results: number[][] = []
      for (const [index, list] of lists.entries()) {
        results.push(await one(list, call))
        call.onProgress?.(has('goes back in its progress') ? lists.length - index : index + 1, lists.length)
      }
      return has('gives a batch in another order') ? results.toReversed() : results
    }
    return double as Doubler
  }

  return { kind: 'task', version: 'v1', name: 'doubling', create }
}

const absent = (): never => {
  throw new Error('not in this test')
}

const nowhere: Source = {
  kind: 'source',
  version: 'v1',
  name: 'nowhere',
  open: async (reference) => ({ reference, config: { model_type: 'toy' }, constants: new Map(), files: [], path: absent, json: absent, tokenizer: absent, [Symbol.asyncDispose]: async () => {} }),
}

const family: Model = { kind: 'model', version: 'v1', name: 'toy', heads: ['base'], build: async () => ({ model: doubling as Graph }) }

const run = (mistake?: Mistake) =>
  record((framework) =>
    testTask(framework, {
      create: () => doubler(mistake),
      plugins: () => [nowhere, family, toy()],
      request: { model: 'toy' },
      run: (double, numbers: readonly number[], options) => double(numbers, options),
      batch: (double, lists, options) => double(lists, options),
      cases: [
        { name: 'one', input: [1], expected: [2] },
        { name: 'several', input: [3, -0.5], expected: [6, -1] },
        { name: 'one that is checked', input: [5], check: (output: readonly number[]) => output[0]! > 9 },
      ],
    }),
  )

describe('a task that keeps its contract', () => {
  it('passes', async () => {
    const recorded = await run()
    expect(recorded.filter(({ outcome }) => outcome !== 'passed')).toEqual([])
    expect(recorded.length).toBeGreaterThan(14)
  })
})

describe('a task that breaks its contract', () => {
  it.each<[Mistake, readonly string[]]>([
    ['gives a batch in another order', ['gives the same in one batch as one by one']],
    ['goes back in its progress', ['tells how far it is, in events and progress that are well formed']],
    ['goes on after disposal', ['refuses to run after its disposal']],
    ['goes on after an abort', ['an aborted call > does not begin when the signal is aborted before, and the next one runs', 'an aborted call > ends when the signal aborts while the model runs, and the next one runs']],
    ['holds on to outputs', ['frees every executable, tensor and checkpoint that it opened']],
    ['holds on to outputs when it is aborted', ['an aborted call > ends when the signal aborts while the model runs, and the next one runs']],
    ['mixes up those who ask at once', ['gives the same to many who ask at once']],
    ['takes any option', ['refuses options that it does not know, of the task and of a call']],
    ['takes any option of a call', ['refuses options that it does not know, of the task and of a call']],
    ['tells of more than there is', ['tells how far it is, in events and progress that are well formed']],
  ])('is told where it %s', async (mistake, failed) => {
    expect(failures(await run(mistake))).toEqual(failed)
  })

  it.each<Mistake>(['changes its input', 'computes something else'])('is told, among much else, where it %s', async (mistake) => {
    expect(failures(await run(mistake)).slice(0, 2)).toEqual(['gives what is expected: one', 'gives what is expected: several'])
  })
})
