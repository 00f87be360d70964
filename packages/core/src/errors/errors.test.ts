import { vi, describe, expect, it } from 'vitest'
import * as core from '../index.js'
import { checkOptions, TenonError } from '../index.js'

/** One of each class. */
const errors: readonly TenonError[] = [
  new core.AbortedError(new Error('reason')),
  new core.AccessDeniedError({ what: 'The model m', problem: 'is gated', remedy: 'Accept its terms' }),
  new core.BackendError({ backend: 'onnx', doing: 'compiling', problem: 'out of memory', remedy: 'Take a smaller batch' }),
  new core.BackendUnavailableError({ backend: 'onnx', reason: 'no library', remedy: 'Install it' }),
  new core.DisposedError({ what: 'runtime' }),
  new core.DownloadError({ url: 'https://host/m', problem: 'gave no answer', remedy: 'Check the connection' }),
  new core.DuplicatePluginError({ kind: 'task', name: 'echo' }),
  new core.EmbedderMismatchError({ store: './kb', problem: 'its vectors have 3 numbers, and this model\'s 4' }),
  new core.InvalidDeploymentError({ path: 'roles.embedding.backend', problem: 'is unknown', remedy: 'Choose one' }),
  new core.InvalidFileError({ path: 'model.onnx', problem: 'is truncated' }),
  new core.InvalidGraphError({ graph: 'bert', problem: 'a cycle' }),
  new core.InvalidInputError({ what: 'the feed', problem: 'is missing', remedy: 'pass it' }),
  new core.InvalidOptionError({ where: 'onnx()', option: 'devices', problem: 'is empty', remedy: 'Name one' }),
  new core.InvalidPluginError({ plugin: 'The task', problem: 'lacks create()', remedy: 'See the contract' }),
  new core.MissingFileError({ path: 'config.json' }),
  new core.ModelNotFoundError({ reference: 'm', looked: [{ source: 'files', reason: 'no folder' }] }),
  new core.NewerStoreError({ store: './kb', found: 2, supported: 1, by: '@tenon/task-qa' }),
  new core.NoGradientError({ op: 'org.example::Swish', node: 'y' }),
  new core.NoSuchBackendError({ name: 'onxx', available: ['onnx'] }),
  new core.NoSuchCompressorError({ name: 'int9', available: [] }),
  new core.NoSuchFamilyError({ reference: 'm', modelType: 'bart', available: ['bert'] }),
  new core.NoSuchHeadError({ family: 'bert', head: 'tail', available: ['base'] }),
  new core.NoSuchRevisionError({ model: 'm', revision: 'v2' }),
  new core.NoSuchTaskError({ name: 'echo', available: ['other'] }),
  new core.ShapeMismatchError({ op: 'Add', expected: [2, 'batch'], actual: '[3]' }),
  new core.StoreConflictError({ store: './kb' }),
  new core.StoreError({ store: './kb', doing: 'writing', problem: 'the disk is full', remedy: 'Free some space' }),
  new core.TypeMismatchError({ op: 'Add', expected: 'one type', actual: 'two' }),
  new core.UnsupportedOpError({ op: 'Add', node: 'y', backend: 'onnx' }),
  new core.WeightMismatchError({ reference: 'm', tensor: 'w', expected: [2], actual: [3] }),
]

describe('the errors', () => {
  it('are all listed here', () => {
    const exported = Object.entries(core).filter(([name]) => name.endsWith('Error') && name !== 'TenonError')
    expect(errors.map(({ constructor }) => constructor.name).toSorted()).toEqual(exported.map(([name]) => name).toSorted())
  })

  it('have codes of their own', () => {
    expect(new Set(errors.map(({ code }) => code)).size).toBe(errors.length)
  })

  it.each(errors.map((error) => [error.constructor.name, error] as const))('teach: %s', (name, error) => {
    expect(error).toBeInstanceOf(Error)
    expect(error.name).toBe(name === 'AbortedError' ? 'AbortError' : name)
    expect(error.code).toMatch(/^TENON_[A-Z_]+$/)
    // A sentence, which the message ends with.
    expect(error.remedy).toMatch(/^[A-Z].*[^.]$/)
    expect(error.message.endsWith(error.remedy.endsWith('?') ? error.remedy : `${error.remedy}.`)).toBe(true)
    expect(error.message).not.toMatch(/undefined|\[object|NaN|\.\./)
    expect(TenonError.isInstance(error)).toBe(true)
  })

  it('tell an abort and a failure of a backend from other errors', () => {
    const [aborted, failed] = [new core.AbortedError('why'), new core.BackendError({ backend: 'b', doing: 'running', problem: 'it broke', remedy: 'Mend it' })]
    expect([aborted, failed, new Error('x')].map((error) => [TenonError.isInstance(error), core.AbortedError.isInstance(error), core.BackendError.isInstance(error)])).toEqual([[true, true, false], [true, false, true], [false, false, false]])
  })

  it('end with one mark where they ask', () => {
    expect(new core.InvalidInputError({ what: 'the feed', problem: 'is no input', remedy: "did you mean 'x'?" }).message).toBe("The feed is no input. Did you mean 'x'?")
  })

  it('say what they know', () => {
    expect(new core.WeightMismatchError({ reference: 'm', tensor: 'w', expected: [2, 3], actual: undefined }).message).toContain('the checkpoint has no such tensor')
    expect(new core.ShapeMismatchError({ op: 'Add', expected: [2, 'batch'], actual: [3] }).message).toContain('Add expects [2, batch] and got [3]')
    expect(new core.NoSuchBackendError({ name: 'onxx', available: ['onnx'] }).remedy).toBe("Did you mean 'onnx'? (passed were: onnx)")
    expect(new core.NoSuchBackendError({ name: 'x', available: [] }).remedy).toContain('no backend plugin was passed')
  })

  it('keep their cause, and have none where there is none', () => {
    const cause = new Error('beneath')
    expect(new core.MissingFileError({ path: 'p', cause })).toMatchObject({ cause, path: 'p' })
    expect('cause' in new core.MissingFileError({ path: 'p' })).toBe(false)
  })

  it('are recognised across two copies of the package', async () => {
    vi.resetModules()
    const other = await import('../index.js')
    expect(other.TenonError).not.toBe(TenonError)
    const error = new other.DisposedError({ what: 'runtime' })
    expect(error).not.toBeInstanceOf(TenonError)
    expect(TenonError.isInstance(error)).toBe(true)
    expect(other.TenonError.isInstance(errors[0])).toBe(true)
  })

  it.each([undefined, null, 'TENON_ABORTED', new Error('x'), { code: 'TENON_ABORTED' }])('are not mistaken for %s', (value) => {
    expect(TenonError.isInstance(value)).toBe(false)
  })
})

describe('throwIfAborted', () => {
  it('throws what the platform would call an AbortError, with the reason as its cause', () => {
    core.throwIfAborted(undefined)
    core.throwIfAborted(new AbortController().signal)
    expect(() => core.throwIfAborted(AbortSignal.abort('enough'))).toThrow(expect.objectContaining({ name: 'AbortError', cause: 'enough' }))
  })
})

describe('checkOptions', () => {
  it('lets known options pass, and suggests the nearest for another', () => {
    checkOptions('onnx()', { devices: [] }, ['devices', 'threads'])
    expect(() => checkOptions('onnx()', { device: [] }, ['devices', 'threads'])).toThrow("Did you mean 'devices'? Known are: devices, threads")
    expect(() => checkOptions('onnx()', { anything: 1 }, [])).toThrow('Known are: none')
    expect(() => checkOptions('onnx()', { anything: 1 }, [])).toThrow(core.InvalidOptionError)
  })

  it('tells what signal and onProgress are, where they are known', () => {
    checkOptions('a call', { signal: new AbortController().signal, onProgress: () => undefined }, ['signal', 'onProgress'])
    checkOptions('a call', { signal: undefined, onProgress: undefined }, ['signal', 'onProgress'])
    for (const signal of [null, {}, 'x', new AbortController(), { aborted: true, addEventListener: 1 }]) expect(() => checkOptions('a call', { signal }, ['signal'])).toThrow("The option 'signal' of a call is no AbortSignal. Pass the signal of an AbortController.")
    for (const onProgress of [null, {}, 'x', true]) expect(() => checkOptions('a call', { onProgress }, ['onProgress'])).toThrow("The option 'onProgress' of a call is no function")
    expect(() => checkOptions('a call', { signal: {} }, ['onProgress'])).toThrow("'signal' of a call is unknown")
  })

  it('refuses what is no object', () => {
    for (const [options, are] of [[null, 'null'], ['fast', 'a string'], [5, 'a number']] as const) expect(() => checkOptions('a call', options as never, [])).toThrow(`The options of a call are ${are}. Pass an object`)
    expect(() => checkOptions('a call', null as never, [])).toThrow(core.InvalidInputError)
  })
})
