import { describe, expect, it, vi } from 'vitest'
import {
  AbortedError, BackendUnavailableError, createRuntime, DisposedError, DuplicatePluginError, InvalidInputError, InvalidPluginError, ModelNotFoundError,
  NoSuchBackendError, NoSuchCompressorError, NoSuchFamilyError, NoSuchHeadError, NoSuchTaskError, inlineConstant, keepBeside, lazyConstant,
  type Backend, type Checkpoint, type Constant, type Executable, type Graph, type Graphs, type ModelChoices, type Plugin, type PrepareContext, type Probe, type RecallContext, type Source, type TaskContext, type TenonEvent,
} from './index.js'
import { fakes, graph } from './testing/fakes.js'

/** JavaScript callers may write what TypeScript refuses. */
const untyped = (...plugins: unknown[]) => createRuntime({ plugins: plugins as Plugin[] })
const failure = async (work: Promise<unknown>): Promise<Error & { remedy: string; cause?: unknown }> =>
  work.then(() => expect.fail('did not fail'), (error: Error & { remedy: string }) => error)
const request = (model = 'm') => ({ model }) as never

describe('a task', () => {
  it('becomes a function that can be disposed of', async () => {
    const { log, live, ...make } = fakes()
    const runtime = createRuntime({ plugins: [make.source('files'), make.backend('onnx'), make.model, make.task('echo')] })
    const echo = await runtime.task('echo', { model: 'm' })
    expect(echo('hello')).toBe('echo: hello')
    expect(log).toEqual(['files m', 'onnx built {}'])
    await echo.dispose()
    expect(log.slice(2)).toEqual(['free onnx built {}', 'free files m'])
    expect(live.size).toBe(0)
  })

  it('is freed at the end of its block', async () => {
    const make = fakes()
    {
      await using runtime = createRuntime({ plugins: [make.source('files'), make.backend('onnx'), make.model, make.task('echo')] })
      await using echo = await runtime.task('echo', { model: 'm' })
      expect(echo('x')).toBe('echo: x')
      expect(make.live.size).toBe(2)
    }
    expect(make.live.size).toBe(0)
    expect(make.log.at(-1)).toBe('dispose onnx')
  })

  it('gets its own options, the backend its own and the compressor its own', async () => {
    const make = fakes()
    const options: object[] = []
    const runtime = createRuntime({ plugins: [make.source('files'), make.backend('cpu'), make.backend('onnx'), make.model, make.compressor, make.task('echo', async (_, given) => void options.push(given))] })
    await runtime.task('echo', { model: 'm', backend: { name: 'onnx', devices: ['cuda'] }, compress: { name: 'int8', bits: 4 }, batch: 7 })
    await runtime.task('echo', { model: 'm', backend: 'onnx', compress: 'int8' })
    expect(options).toEqual([{ batch: 7 }, {}])
    expect(make.log.filter((line) => line.startsWith('onnx'))).toEqual(['onnx built-4 {"devices":["cuda"]}', 'onnx built-8 {}'])
  })

  it('takes a file URL as its model', async () => {
    const make = fakes()
    const runtime = createRuntime({ plugins: [make.source('files'), make.backend('onnx'), make.model, make.task('echo')] })
    await runtime.task('echo', { model: new URL('file:///models/m') })
    expect(make.log[0]).toBe('files file:///models/m')
  })

  it('tells the source that it will ask for the tokenizer, which whoever only opens a checkpoint may not', async () => {
    const make = fakes()
    const told: unknown[] = []
    const source = make.source('files')
    const telling = { ...source, open: (reference: string, context: Parameters<Source['open']>[1]) => (told.push(context.tokenizer), source.open(reference, context)) }
    await using runtime = createRuntime({ plugins: [telling, make.backend('onnx'), make.model, make.task('echo')] })
    await using opened = await runtime.checkpoint('other')
    expect(opened.reference).toBe('other')
    await runtime.task('echo', { model: 'm' })
    expect(told).toEqual([undefined, true])
  })

  it('may use another task, on the same model unless told otherwise, and frees it', async () => {
    const make = fakes()
    const outer = make.task('outer', async (context) => {
      const inner = await context.task<(text: string) => string>('inner')
      expect(inner('x')).toBe('inner: x')
      await context.task('inner', { model: 'other' })
    })
    const runtime = createRuntime({ plugins: [make.source('files'), make.backend('onnx'), make.model, make.task('inner'), outer] })
    const runner = await runtime.task('outer', { model: 'm', backend: { name: 'onnx', devices: ['cpu'] } })
    expect(make.log.filter((line) => !line.startsWith('free'))).toEqual(['files m', 'onnx built {"devices":["cpu"]}', 'files other'])
    await runner.dispose()
    expect(make.live.size).toBe(0)
    expect(make.log.filter((line) => line.startsWith('free'))).toEqual(['free files other', 'free onnx built {"devices":["cpu"]}', 'free files m'])
  })
})

describe('a second model of a task', () => {
  it('runs on what the task runs on unless told otherwise, and is freed with it', async () => {
    const make = fakes()
    const second = async (context: TaskContext, choices: ModelChoices) => {
      const beside = context.with(choices)
      const { graphs, checkpoint } = await beside.open('base')
      await beside.compile(graphs['model']!)
      return checkpoint.reference
    }
    const task = make.task('echo', async (context) => {
      expect(await second(context, { model: 'small' })).toBe('small')
      expect(await second(context, { model: new URL('file:///small'), backend: 'tfjs', compress: { name: 'int8', bits: 2 } })).toBe('file:///small')
      expect(await second(context, {})).toBe('m')
      await expect(second(context, { model: 'small', backend: 'cuda' })).rejects.toThrow(NoSuchBackendError)
      await expect(second(context, { name: 'small' } as never)).rejects.toThrow("The option 'name' of a second model of the task 'echo' is unknown")
    })
    const runtime = createRuntime({ plugins: [make.source('files'), make.backend('onnx'), make.backend('tfjs'), make.model, make.compressor, task] })
    const runner = await runtime.task('echo', { model: 'm', backend: { name: 'onnx', devices: ['gpu'] }, compress: { name: 'int8', bits: 4 } })
    // Equal graphs over equal weights are one executable.
    expect(make.log).toEqual(['files m', 'onnx built-4 {"devices":["gpu"]}', 'files small', 'files file:///small', 'tfjs built-2 {}'])
    await runner.dispose()
    expect(make.live.size).toBe(0)
  })

  it('is opened once for all that have it', async () => {
    const make = fakes()
    const task = make.task('echo', async (context) => void (await Promise.all([context.with({ model: 'small' }).open('base'), context.with({ model: 'small' }).open('base')])))
    await using runtime = createRuntime({ plugins: [make.source('files'), make.backend('onnx'), make.model, task] })
    const runners = [await runtime.task('echo', { model: 'm' }), await runtime.task('echo', { model: 'other' })]
    expect(make.log.filter((line) => line.startsWith('files'))).toEqual(['files m', 'files small', 'files other'])
    await runners[0]!.dispose()
    expect(make.log).not.toContain('free files small')
    await runners[1]!.dispose()
    expect(make.log).toContain('free files small')
  })

  it('may be what a role of the deployment says', async () => {
    const make = fakes()
    const task = make.task('echo', async (context) => {
      const beside = context.with({ role: 'second' })
      await beside.compile((await beside.open('base')).graphs['model']!)
      expect(() => context.with({ role: 'secnd' })).toThrow("Did you mean 'second'?")
    })
    await using runtime = createRuntime({ plugins: [make.source('files'), make.backend('onnx'), make.backend('tfjs'), make.model, task], deployment: { roles: { echo: { model: 'm', backend: 'onnx' }, second: { task: 'echo', model: 'small', backend: 'tfjs' } } } })
    await runtime.task('echo', {})
    expect(make.log).toEqual(['files m', 'onnx built {}', 'files small', 'tfjs built {}'])
  })
})

describe('opening and building without a task', () => {
  it('gives a checkpoint that its opener frees, and the graphs of a head after the compressor', async () => {
    const make = fakes()
    const runtime = createRuntime({ plugins: [make.source('files'), make.model, make.compressor] })
    {
      await using checkpoint = await runtime.checkpoint('m')
      expect(checkpoint.reference).toBe('m')
      const { graphs, maxLength } = await runtime.build(checkpoint, { head: 'base' })
      expect(graphs['model']?.name).toBe('built')
      expect(maxLength).toBeUndefined()
      expect((await runtime.build(checkpoint, { head: 'base', compress: { name: 'int8', bits: 4 } })).graphs['model']?.name).toBe('built-4')
      await expect(runtime.build(checkpoint, { head: 'none' })).rejects.toThrow(NoSuchHeadError)
      expect(make.live.size).toBe(1)
    }
    expect(make.live.size).toBe(0)
    await runtime.dispose()
    await expect(runtime.checkpoint('m')).rejects.toThrow(DisposedError)
  })

  it('takes what the compressor kept of graphs that were built the same way, and builds none', async () => {
    const make = fakes()
    const kept = new Map<string, Graph>()
    const built: unknown[] = []
    const compressor = {
      ...make.compressor,
      async prepare(graphs: Graphs, _options: never, context: PrepareContext) {
        built.push(context.built)
        if (context.built !== undefined) kept.set(context.built, graphs['model']!)
        return graphs
      },
      async recall(_options: never, { built, checkpoint, emit }: RecallContext): Promise<Graphs | undefined> {
        expect([checkpoint.reference, typeof emit]).toEqual(['m', 'function'])
        const model = kept.get(built)
        return model && { model }
      },
    }
    const build = vi.fn<typeof make.model.build>(make.model.build)
    const opened = async (revision: string | undefined, options: { readonly roles?: readonly string[] } = {}) => {
      const asking = make.task('asking', async (context) => void seen.push((await context.open('base', options.roles)).graphs['model']!))
      const seen: Graph[] = []
      await using runtime = createRuntime({ plugins: [make.source('files'), make.backend('onnx'), { ...make.model, build: Object.assign(build, { revision }) }, compressor, asking] })
      await runtime.task('asking', { model: 'm', compress: 'int8' })
      return seen[0]
    }
    const first = await opened('1')
    expect(await opened('1')).toBe(first)
    expect(build).toHaveBeenCalledTimes(1)
    expect(await opened('2')).not.toBe(first) // another definition
    expect(await opened('1', { roles: ['model'] })).not.toBe(first) // other graphs of it
    expect(build).toHaveBeenCalledTimes(3)
    await opened(undefined)
    expect([build.mock.calls.length, built.at(-1), new Set(built).size]).toEqual([4, undefined, 4])
  })

  it('tells how long a text may be, where the family knows', async () => {
    const make = fakes()
    const runtime = createRuntime({ plugins: [make.source('files'), { ...make.model, maxLength: ({ config }: Checkpoint) => config.model_type.length }] })
    expect((await runtime.build(await runtime.checkpoint('m'), { head: 'base' })).maxLength).toBe(4)
  })

  it('opens nothing for a signal that is aborted', async () => {
    const make = fakes()
    const runtime = createRuntime({ plugins: [make.source('files'), make.model] })
    await expect(runtime.checkpoint('m', { signal: AbortSignal.abort() })).rejects.toThrow(AbortedError)
    expect(make.log).toEqual([])
  })
})

describe('what was not passed', () => {
  const make = fakes()
  const runtime = untyped(make.source('files'), make.backend('onnx'), make.model, make.compressor, make.task('echo'), make.task('headless', undefined, 'no-such-head'))

  it.each<[string, string, object, new (...fields: never[]) => Error, string]>([
    ['a task', 'ecko', request(), NoSuchTaskError, "Did you mean 'echo'?"],
    ['a backend', 'echo', { model: 'm', backend: 'onxx' }, NoSuchBackendError, "Did you mean 'onnx'?"],
    ['a compressor', 'echo', { model: 'm', compress: { name: 'int9' } }, NoSuchCompressorError, "Did you mean 'int8'?"],
    ['a task nothing like it', 'translation', request(), NoSuchTaskError, 'passed were: echo'],
    ['a head', 'headless', request(), NoSuchHeadError, 'Choose one of: base'],
    ['no model', 'echo', {}, InvalidInputError, 'Pass a folder'],
    ['an empty model', 'echo', request(''), InvalidInputError, 'Pass a folder'],
  ])('is a coded error: %s', async (_, name, options, type, remedy) => {
    const error = await failure(runtime.task(name, options as never))
    expect(error).toBeInstanceOf(type)
    expect(error.remedy).toContain(remedy)
    expect(make.live.size).toBe(0)
  })

  it('is a coded error even where no request was made at all', async () => {
    const task = runtime.task as unknown as (name: string) => Promise<unknown>
    await expect(task('nothing')).rejects.toThrow(NoSuchTaskError)
    await expect(task('echo')).rejects.toThrow(InvalidInputError)
  })

  it.each<[string, unknown, unknown, string]>([
    ['a request that is null', 'echo', null, 'TENON_INVALID_INPUT'],
    ['a request that is text', 'echo', 'm', 'TENON_INVALID_INPUT'],
    ['a task without a name', undefined, request(), 'TENON_NO_SUCH_TASK'],
    ['a task of another type', Symbol('echo'), request(), 'TENON_NO_SUCH_TASK'],
    ['a backend of null', 'echo', { model: 'm', backend: null }, 'TENON_NO_SUCH_BACKEND'],
    ['a backend without a name', 'echo', { model: 'm', backend: { devices: [] } }, 'TENON_NO_SUCH_BACKEND'],
    ['a compressor of null', 'echo', { model: 'm', compress: null }, 'TENON_NO_SUCH_COMPRESSOR'],
    ['a signal that is none', 'echo', { model: 'm', signal: 'stop' }, 'TENON_INVALID_OPTION'],
  ])('is a coded error where JavaScript lets it through: %s', async (_, name, options, code) => {
    const task = runtime.task as unknown as (name: unknown, options: unknown) => Promise<unknown>
    await expect(task(name, options)).rejects.toMatchObject({ code })
    expect(make.live.size).toBe(0)
  })

  it('is a coded error where what is built is no checkpoint, or nothing is said of the head', async () => {
    const build = runtime.build as unknown as (checkpoint: unknown, options?: unknown) => Promise<unknown>
    for (const checkpoint of [undefined, null, {}, { config: {} }]) await expect(build(checkpoint, { head: 'base' })).rejects.toThrow('The checkpoint is none. Pass what runtime.checkpoint gives')
    await using checkpoint = await runtime.checkpoint('m')
    await expect(build(checkpoint)).rejects.toThrow('The options of runtime.build are undefined')
    await expect(build(checkpoint, {})).rejects.toThrow(NoSuchHeadError)
    await expect(build(checkpoint, { hed: 'base' })).rejects.toThrow("Did you mean 'head'?")
  })

  it('is a coded error for a family, and its checkpoint is closed', async () => {
    const other = fakes()
    const error = await failure(untyped(other.source('files', { modelType: 'bart' }), other.model, other.task('echo')).task('echo', request()))
    expect(error).toBeInstanceOf(NoSuchFamilyError)
    expect(error.message).toContain("'bart'")
    expect(error.remedy).toContain("Did you mean 'bert'?")
    expect(other.live.size).toBe(0)
  })
})

describe('sources', () => {
  it('are asked in their order until one has the model', async () => {
    const make = fakes()
    const asked = vi.fn<(reference: string) => boolean>(() => false)
    const runtime = createRuntime({ plugins: [make.source('first', { knows: asked }), make.source('second'), make.source('third'), make.backend('onnx'), make.model, make.task('echo')] })
    await runtime.task('echo', { model: 'm' })
    expect(asked).toHaveBeenCalledExactlyOnceWith('m')
    expect(make.log[0]).toBe('second m')
  })

  it('that had it not are told of where a later one fails', async () => {
    const make = fakes()
    const broken: Source<'hub'> = { kind: 'source', version: 'v1', name: 'hub', open: async () => Promise.reject(new Error('no network')) }
    const runtime = createRuntime({ plugins: [make.source('files', { knows: () => false }), broken] })
    const notices: string[] = []
    runtime.on('notice', ({ message }) => notices.push(message))
    await expect(runtime.checkpoint('m')).rejects.toThrow('no network')
    expect(notices).toEqual(['files: no m here'])
  })

  it('are all named where none has it', async () => {
    const make = fakes()
    const none = { knows: () => false }
    const error = await failure(untyped(make.source('files', none), make.source('hub', none), make.task('echo')).task('echo', request()))
    expect(error).toBeInstanceOf(ModelNotFoundError)
    expect(error.message).toContain('files: no m here; hub: no m here')
    const bare = await failure(untyped(make.task('echo')).task('echo', request()))
    expect(bare.message).toContain('no source plugin was passed')
  })
})

describe('plugins', () => {
  const make = fakes()
  const task = make.task('echo')

  it.each<[string, unknown, string]>([
    ['a function', () => task, 'is a function'],
    ['nothing', undefined, 'is undefined'],
    ['null', null, 'is null'],
    ['of no kind', { name: 'x', version: 'v1' }, 'plugins[1] has no kind. Give it a name and one of the kinds '],
    ['a promise', Promise.resolve(task), 'Await the promise, and pass what it gives.'],
    ['a store', { kind: 'store', version: 'v1', name: 's', open: async () => undefined }, "has the unknown kind 'store'. Pass a store to the task "],
    ['of a kind that is none', { ...task, kind: 'plugin' }, "unknown kind 'plugin'"],
    ['of a kind with a typing mistake', { ...task, kind: 'backnd' }, "has the unknown kind 'backnd'. Did you mean 'backend'? Give it "],
    ['of a kind that every object has', { ...task, kind: 'constructor' }, "unknown kind 'constructor'"],
    ['without a name', { ...task, name: '' }, 'has no name'],
    ['without a member', { ...task, create: undefined }, 'lacks create()'],
    ['without several', { kind: 'backend', version: 'v1', name: 'b', probe: async () => ({ available: true }) }, 'lacks supports(), compile()'],
    ['of another contract', { ...task, version: 'v2' }, "keeps contract 'v2'"],
    ['of none', { ...task, version: undefined }, "names no version of the contract, and this runtime reads 'v1'"],
    ['with a getter that throws', { ...task, get name() { throw new Error('not yet') } }, "fails when its 'name' is read (not yet)"],
    ['with a member whose getter throws', { kind: 'task', version: 'v1', name: 't', get create() { throw new Error('not yet') } }, "The task 't' fails when its 'create' is read"],
    ["a backend called 'auto'", make.backend('auto'), 'stands for the quickest'],
  ])('are refused when they are %s', (_, plugin, words) => {
    expect(() => untyped(make.model, plugin)).toThrow(InvalidPluginError)
    expect(() => untyped(make.model, plugin)).toThrow(words)
  })

  it('are refused when they are no list, and so are options that are unknown', () => {
    const create = createRuntime as unknown as (options: unknown) => unknown
    for (const options of [{}, { plugins: null }, { plugins: make.model }]) expect(() => create(options)).toThrow('Pass a list: createRuntime({ plugins: [')
    expect(() => create(undefined)).toThrow(InvalidInputError)
    expect(() => create({ plugins: [], deploymnet: {} })).toThrow("Did you mean 'deployment'?")
  })

  it('are refused when one is listed twice, but may share a name across kinds', () => {
    expect(() => untyped(task, make.task('echo'))).toThrow(DuplicatePluginError)
    expect(untyped(make.source('onnx'), make.backend('onnx')).plugins.backends).toHaveLength(1)
  })
})

describe('without a choice of backend', () => {
  it('the first that its probe finds available is used', async () => {
    const make = fakes()
    const runtime = createRuntime({ plugins: [make.source('files'), make.backend('gpu', { available: false, reason: 'no GPU' }), make.backend('cpu'), make.backend('wasm'), make.model, make.task('echo')] })
    await runtime.task('echo', { model: 'm' })
    expect(make.log).toContain('cpu built {}')
  })

  it('the error tells why each is unavailable', async () => {
    const make = fakes()
    const no = (reason: string): Probe => ({ available: false, reason })
    const error = await failure(untyped(make.source('files'), make.model, make.task('echo'), make.backend('gpu', no('no GPU')), make.backend('cpu', no('no library'))).task('echo', request()))
    expect(error).toBeInstanceOf(BackendUnavailableError)
    expect(error.message).toContain('gpu: no GPU; cpu: no library')
    const none = await failure(untyped(make.source('files'), make.model, make.task('echo')).task('echo', request()))
    expect(none.remedy).toContain('Pass a backend')
    expect(make.live.size).toBe(0)
  })
})

describe('a plugin that breaks its contract while it is used', () => {
  it.each<[string, () => unknown, string]>([
    ['throws', () => { throw new Error('boom') }, "the plugin 'bad' fails when it is probed, and should not (boom)"],
    ['rejects', () => Promise.reject(new Error('boom')), '(boom)'],
    ['answers nothing', () => undefined, "the plugin 'bad' answers its probe with undefined"],
    ['answers null', async () => null, 'answers its probe with null'],
    ['does not say whether', async () => ({ devices: [] }), "with no 'available'"],
    ['gives no reason', async () => ({ available: false }), 'with no reason'],
    ['lists no devices', async () => ({ available: true, devices: ['cpu'] }), 'with no list of devices'],
  ])('is an unavailable backend where its probe %s', async (_, probe, reason) => {
    const make = fakes()
    const runtime = untyped(make.source('files'), make.model, make.task('echo'), { ...make.backend('bad'), probe }, make.backend('good'))
    const notices: string[] = []
    runtime.on('notice', ({ message }) => notices.push(message))
    await runtime.task('echo', request())
    expect(make.log).toContain('good built {}')
    expect(notices[0]).toContain(reason)
  })

  it.each<[string, string, object, string]>([
    ['compiles into nothing', 'backend', { compile: async () => undefined }, "The backend 'bad' gave a value of type undefined where compile() was called"],
    ['compiles into something without run', 'backend', { compile: async () => ({ inputs: [], outputs: [], place() {}, async [Symbol.asyncDispose]() {} }) }, 'gave something without run()'],
    ['compiles into something that cannot be freed', 'backend', { compile: async () => ({ inputs: [], outputs: [], run() {}, place() {} }) }, 'without [Symbol.asyncDispose]()'],
    ['opens nothing', 'source', { open: async () => undefined }, "The source 'bad' gave a value of type undefined where open() was called"],
    ['opens something else', 'source', { open: async () => ({ config: {} }) }, 'gave something without constants'],
    ['builds nothing', 'model', { build: async () => null }, "The model 'bert' gave null where build() was called"],
    ['makes no runner', 'task', { create: async () => ({}) }, "The task 'echo' gave object where create() was called"],
    ['prepares with an error, and compiles into nothing', 'backend', { prepare() { throw new Error('boom') }, compile: async () => 3 }, 'gave a value of type number'],
  ])('is told by its name where it %s, and nothing is left', async (_, kind, changes, words) => {
    const make = fakes()
    const plugins = [make.source('bad'), make.backend('bad'), make.model, make.task('echo')]
    const runtime = untyped(...plugins.map((plugin) => (plugin.kind === kind ? { ...plugin, ...changes } : plugin)))
    const error = await failure(runtime.task('echo', request()))
    expect(error).toBeInstanceOf(InvalidPluginError)
    expect(error.message).toContain(words)
    expect(make.live.size).toBe(0)
  })
})

describe('a compressor that recalls what are no graphs', () => {
  it('is told by its name', async () => {
    const make = fakes()
    const runtime = untyped(make.source('files'), make.backend('onnx'), { ...make.model, build: Object.assign(make.model.build, { revision: '1' }) }, { ...make.compressor, recall: async () => 3 }, make.task('echo'))
    const error = await failure(runtime.task('echo', { model: 'm', compress: 'int8' } as never))
    expect(error.message).toContain("The compressor 'int8' gave a value of type number where recall() was called")
    expect(make.live.size).toBe(0)
  })
})

describe('what tasks share', () => {
  const plugins = (make: ReturnType<typeof fakes>) => [make.source('files'), make.backend('onnx'), make.model, make.compressor, make.task('echo'), make.task('other')] as const

  it('is the checkpoint of a model and the executable of a graph, opened once, also at the same moment', async () => {
    const make = fakes()
    const seen: Checkpoint[] = []
    const looking = make.task('looking', async (context) => void seen.push((await context.open('base')).checkpoint))
    await using runtime = createRuntime({ plugins: [...plugins(make), looking] })
    const [one, two, three] = await Promise.all([runtime.task('echo', { model: 'm' }), runtime.task('other', { model: 'm' }), runtime.task('looking', { model: 'm' })])
    const held = await runtime.checkpoint('m')
    expect(make.log).toEqual(['files m', 'onnx built {}'])
    expect(held.constants).toBe(seen[0]!.constants)
    await Promise.all([one.dispose(), two.dispose()])
    expect(make.log).toHaveLength(2)
    await three.dispose()
    expect(make.log.slice(2)).toEqual(['free onnx built {}'])
    await held[Symbol.asyncDispose]()
    expect(make.log.slice(3)).toEqual(['free files m'])
  })

  it('is not what differs in model, compressor or options of the backend', async () => {
    const make = fakes()
    await using runtime = createRuntime({ plugins: plugins(make) })
    await runtime.task('echo', { model: 'm' })
    await runtime.task('echo', { model: 'm', compress: 'int8' })
    await runtime.task('echo', { model: 'm', compress: { name: 'int8', bits: 4 } })
    await runtime.task('echo', { model: 'm', backend: { name: 'onnx', devices: ['cpu'] } })
    await runtime.task('echo', { model: 'm', backend: { name: 'onnx', devices: ['cpu'] }, compress: { name: 'int8', bits: 4 } })
    expect(make.log).toEqual(['files m', 'onnx built {}', 'onnx built-8 {}', 'onnx built-4 {}', 'onnx built {"devices":["cpu"]}', 'onnx built-4 {"devices":["cpu"]}'])
  })

  it('are executables of equal graphs over the same weights, and of no others', async () => {
    const make = fakes()
    const [weight, another] = [lazyConstant('float32', [2], async () => new Uint8Array(8)), lazyConstant('float32', [2], async () => new Uint8Array(8))]
    const literal = (value: number) => inlineConstant('float32', [1], Float32Array.of(value))
    const scaled = (w: Constant, scale: Constant, attributes = {}): Graph => ({ ...graph('scaled'), nodes: [{ op: 'Mul', inputs: ['w', 's'], outputs: ['y'], attributes }], constants: new Map([['w', w], ['s', scale]]) })
    const graphs = [
      scaled(weight, literal(1)), scaled(weight, literal(1)), // shared: the literal is another object with the same value
      scaled(another, literal(1)), scaled(weight, literal(2)), scaled(weight, literal(1), { axis: 1 }), scaled(weight, literal(1), { value: literal(3) }),
    ]
    const compiling = make.task('compiling', async (context) => void (await Promise.all(graphs.map((each) => context.compile(each)))))
    await using runtime = createRuntime({ plugins: [make.source('files'), make.backend('onnx'), make.model, compiling] })
    await runtime.task('compiling', { model: 'm' })
    expect(make.log.filter((line) => line === 'onnx scaled {}')).toHaveLength(5)
  })

  it('are executables of graphs that have a place of their own by being the same graph', async () => {
    const make = fakes()
    const [one, other] = [graph('placed'), graph('placed')]
    const looked = vi.fn<() => Graph['nodes']>(() => [])
    for (const each of [one, other]) Object.defineProperty(each, 'nodes', { get: looked })
    for (const each of [one, other]) keepBeside(each, { read: () => undefined, write: async () => undefined })
    const compiling = make.task('compiling', async (context) => void (await Promise.all([one, one, other].map((each) => context.compile(each)))))
    await using runtime = createRuntime({ plugins: [make.source('files'), make.backend('onnx'), make.model, compiling] })
    await runtime.task('compiling', { model: 'm' })
    expect(make.log.filter((line) => line === 'onnx placed {}')).toHaveLength(2)
    expect(looked).not.toHaveBeenCalled()
  })

  it('is of no use to a task that was disposed of', async () => {
    const make = fakes()
    const held: Checkpoint[] = []
    const executables: Executable[] = []
    const keeping = make.task('keeping', async (context) => {
      held.push((await context.open('base')).checkpoint)
      executables.push(await context.compile(graph('built')))
    })
    await using runtime = createRuntime({ plugins: [...plugins(make), keeping] })
    await runtime.task('echo', { model: 'm' })
    await (await runtime.task('keeping', { model: 'm' })).dispose()
    expect(make.live.size).toBe(2)
    await expect(held[0]!.tokenizer()).rejects.toThrow(DisposedError)
    await expect(executables[0]!.run({})).rejects.toThrow(DisposedError)
  })

  it('is no failure: the next task tries again', async () => {
    const make = fakes()
    let broken = true
    const source = make.source('files')
    const flaky: Source<'files'> = { ...source, open: (reference, context) => (broken ? Promise.reject(new Error('no network')) : source.open(reference, context)) }
    await using runtime = createRuntime({ plugins: [flaky, make.backend('onnx'), make.model, make.task('echo')] })
    const failures = await Promise.allSettled([runtime.task('echo', { model: 'm' }), runtime.task('echo', { model: 'm' })])
    expect(failures.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    broken = false
    await runtime.task('echo', { model: 'm' })
    expect(make.log).toEqual(['files m', 'onnx built {}'])
  })
})

describe('what a task holds', () => {
  const plugins = (make: ReturnType<typeof fakes>, create: (context: TaskContext) => Promise<void>) => [make.source('files'), make.backend('onnx'), make.model, make.task('echo', create)] as const

  it('is freed last first, also where its creation fails half-way', async () => {
    const make = fakes()
    const reason = new Error('half-way')
    const runtime = createRuntime({ plugins: plugins(make, async (context) => {
      context.defer(() => void make.log.push('first'))
      context.defer(async () => void make.log.push('second'))
      throw reason
    }) })
    expect(await failure(runtime.task('echo', { model: 'm' }))).toBe(reason)
    expect(make.log.slice(2)).toEqual(['second', 'first', 'free onnx built {}', 'free files m'])
  })

  it('is freed whole, whatever fails on the way, and what failed first is told', async () => {
    const make = fakes()
    const runtime = createRuntime({ plugins: plugins(make, async (context) => {
      context.defer(() => Promise.reject(new Error('later')))
      context.defer(() => { throw new Error('sooner') })
    }) })
    const runner = await runtime.task('echo', { model: 'm' })
    await expect(runner.dispose()).rejects.toThrow('sooner')
    expect(make.live.size).toBe(0)
    const failing = createRuntime({ plugins: plugins(make, async (context) => {
      context.defer(() => Promise.reject(new Error('while freeing')))
      throw new Error('while creating')
    }) })
    await expect(failing.task('echo', { model: 'm' })).rejects.toThrow('while creating')
  })

  it('is freed once, however often it is asked for', async () => {
    const make = fakes()
    const runtime = createRuntime({ plugins: plugins(make, async () => undefined) })
    const runner = await runtime.task('echo', { model: 'm' })
    await Promise.all([runner.dispose(), runner.dispose(), runner[Symbol.asyncDispose]()])
    await Promise.all([runtime.dispose(), runtime.dispose()])
    expect(make.log.filter((line) => line.includes('free'))).toHaveLength(2)
    expect(make.log.filter((line) => line === 'dispose onnx')).toHaveLength(1)
  })

  it('is not compiled after the disposal', async () => {
    const make = fakes()
    let context: TaskContext | undefined
    const runtime = createRuntime({ plugins: plugins(make, async (given) => void (context = given)) })
    const runner = await runtime.task('echo', { model: 'm' })
    await runner.dispose()
    expect(await failure(context!.compile(graph('late')))).toMatchObject({ name: 'AbortError', cause: { code: 'TENON_DISPOSED' } })
    expect(make.live.size).toBe(0)
  })

  it.each([['which heeds the abort', true], ['which compiles to the end', false]])('may be left to compile: its disposal aborts that and waits for it, %s', async (_, heeds) => {
    const make = fakes()
    let ends = 0
    const backend: Backend<'onnx', object> = {
      ...make.backend('onnx'),
      compile: async (...given) => {
        if (given[0].name !== 'left') return make.backend('onnx').compile(...given)
        await new Promise<void>((resolve) => given[2].signal!.addEventListener('abort', () => setTimeout(resolve, 5)))
        ends++
        if (heeds) throw new AbortedError(given[2].signal!.reason)
        return make.backend('onnx').compile(...given)
      },
    }
    let compiling: Promise<unknown> | undefined
    const runtime = createRuntime({ plugins: [make.source('files'), backend, make.model, make.task('later', async (context) => { const work = context.compile(graph('left')); compiling = failure(work) })] })
    const controller = new AbortController()
    const runner = await runtime.task('later', { model: 'm', signal: controller.signal } as never)
    controller.abort() // the task is made: that is nothing to it any more
    expect(ends).toBe(0)
    await runtime.dispose()
    expect([ends, make.live.size]).toEqual([1, 0])
    expect(await compiling).toMatchObject({ name: 'AbortError' })
    await runner.dispose()
  })

  it('is freed where a listener throws', async () => {
    const make = fakes()
    const runtime = createRuntime({ plugins: plugins(make, async () => undefined) })
    runtime.on('timing', ({ name }) => { if (name === 'compile') throw new Error('listener') })
    await expect(runtime.task('echo', { model: 'm' })).rejects.toThrow('listener')
    expect(make.live.size).toBe(0)
  })

  it('is nothing after a hundred openings and disposals', async () => {
    const make = fakes()
    const runtime = createRuntime({ plugins: plugins(make, async () => undefined) })
    const off = runtime.on('timing', () => undefined)
    for (let count = 0; count < 100; count++) await (await runtime.task('echo', { model: 'm' })).dispose()
    off()
    expect(make.log.filter((line) => line.startsWith('files'))).toHaveLength(100)
    expect(make.live.size).toBe(0)
  })
})

describe('disposing of the runtime', () => {
  it('frees the runners and then the backends', async () => {
    const make = fakes()
    const runtime = createRuntime({ plugins: [make.source('files'), make.backend('one'), make.backend('two'), make.model, make.task('echo')] })
    await runtime.task('echo', { model: 'a', backend: 'one' })
    await runtime.task('echo', { model: 'b', backend: 'two' })
    await runtime.dispose()
    expect(make.log.slice(4)).toEqual(['free one built {}', 'free files a', 'free two built {}', 'free files b', 'dispose two', 'dispose one'])
    await expect(runtime.task('echo', { model: 'm' })).rejects.toThrow(DisposedError)
  })

  it('frees the other runners and the backends where one fails', async () => {
    const make = fakes()
    let count = 0
    const runtime = createRuntime({ plugins: [make.source('files'), make.backend('onnx'), make.model, make.task('echo', async (context) => {
      if (count++ === 0) context.defer(() => Promise.reject(new Error('stuck')))
    })] })
    await runtime.task('echo', { model: 'a' })
    await runtime.task('echo', { model: 'b' })
    await expect(runtime.dispose()).rejects.toThrow('stuck')
    expect(make.live.size).toBe(0)
    expect(make.log.at(-1)).toBe('dispose onnx')
  })

  it('waits for a task that is being created, which fails and leaves nothing', async () => {
    const make = fakes()
    let goOn = () => {}
    const gate = new Promise<void>((resolve) => (goOn = resolve))
    const runtime = createRuntime({ plugins: [make.source('files'), make.backend('onnx'), make.model, make.task('echo', async (context) => {
      await gate
      await context.compile(graph('more'))
    })] })
    const creation = failure(runtime.task('echo', { model: 'm' }))
    await vi.waitFor(() => expect(make.live.size).toBe(2))
    const disposal = runtime.dispose()
    expect(make.log).not.toContain('dispose onnx')
    goOn()
    await disposal
    expect(await creation).toBeInstanceOf(DisposedError)
    expect(make.live.size).toBe(0)
    expect(make.log.at(-1)).toBe('dispose onnx')
  })
})

describe('an aborted signal', () => {
  const reason = new Error('enough')

  it('stops before anything is opened', async () => {
    const make = fakes()
    const runtime = createRuntime({ plugins: [make.source('files'), make.backend('onnx'), make.model, make.task('echo')] })
    const error = await failure(runtime.task('echo', { model: 'm', signal: AbortSignal.abort(reason) }))
    expect(error).toBeInstanceOf(AbortedError)
    expect(error).toMatchObject({ name: 'AbortError', cause: reason })
    expect(make.log).toEqual([])
  })

  it.each([['opening', 'open'], ['compiling', 'compile']])('while %s leaves nothing', async (_, stage) => {
    const make = fakes()
    const controller = new AbortController()
    const runtime = createRuntime({ plugins: [make.source('files'), make.backend('onnx'), make.model, make.task('echo')] })
    runtime.on('timing', ({ name }) => { if (name === stage) controller.abort(reason) })
    await expect(runtime.task('echo', { model: 'm', signal: controller.signal })).rejects.toThrow(AbortedError)
    expect(make.live.size).toBe(0)
  })

  it.each(['open', 'compile', 'create'] as const)('reaches whoever is at work: %s', async (member) => {
    const make = fakes()
    const controller = new AbortController()
    /** Never ends by itself. */
    const untilAborted = ({ signal }: { readonly signal?: AbortSignal }) =>
      new Promise<never>((_, reject) => {
        signal!.addEventListener('abort', () => reject(new AbortedError(signal!.reason)))
        controller.abort(reason)
      })
    const source: Source<'files'> = { ...make.source('files'), ...(member === 'open' && { open: (_, context) => untilAborted(context) }) }
    const backend: Backend<'onnx', object> = { ...make.backend('onnx'), ...(member === 'compile' && { compile: (_, __, context) => untilAborted(context) }) }
    const runtime = createRuntime({ plugins: [source, backend, make.model, make.task('echo', async (context) => (member === 'create' ? untilAborted(context) : undefined))] })
    expect(await failure(runtime.task('echo', { model: 'm', signal: controller.signal }))).toMatchObject({ name: 'AbortError', cause: reason })
    expect(make.live.size).toBe(0)
  })
})

describe('events', () => {
  it('reach who listens for their type, until they stop', async () => {
    const make = fakes()
    const notice: TenonEvent = { type: 'notice', code: 'truncated', message: 'too long' }
    const runtime = createRuntime({ plugins: [make.source('files'), make.backend('onnx'), make.model, make.task('echo', async ({ emit }) => emit(notice))] })
    const [notices, timings]: [TenonEvent[], TenonEvent[]] = [[], []]
    const off = runtime.on('notice', (event) => notices.push(event))
    runtime.on('timing', (event) => timings.push(event))
    await runtime.task('echo', { model: 'm' })
    off()
    off()
    await runtime.task('echo', { model: 'm' })
    expect(notices).toEqual([notice])
    expect(timings.map((event) => 'name' in event && event.name)).toEqual(['open', 'compile', 'open', 'compile'])
  })
})
