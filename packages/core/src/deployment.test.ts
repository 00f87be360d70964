import { describe, expect, it } from 'vitest'
import { createRuntime, parseDeployment, type Deployment, type Plugin, type TaskContext } from './index.js'
import { fakes } from './testing/fakes.js'

type Outer = (context: TaskContext) => Promise<void>

/** Two backends with devices, two tasks, and one that asks for both. */
function workshop(outer: Outer = async (context) => void (await Promise.all([context.task('retrieve'), context.task('read', { model: 'reader' })]))) {
  const make = fakes()
  const devices = [{ device: 'cpu', available: true }, { device: 'gpu', available: false, reason: 'no GPU: buy one' }]
  const plugins = [
    make.source('files'), make.backend('onnx', { available: true, devices }), make.backend('tfjs', { available: true, devices: [{ device: 'wasm', available: true }] }),
    make.model, make.compressor, make.task('retrieve'), make.task('read'),
    { ...make.task('base'), create: async (context: TaskContext) => (await outer(context), (text: string) => text) },
  ] as const
  const compiled = () => make.log.filter((line) => /^(onnx|tfjs) /.test(line))
  const notices: string[] = []
  /** As from JSON: not seen by the type checker. */
  const deployed = (deployment: unknown) => {
    const runtime = createRuntime({ plugins: plugins as readonly Plugin[], deployment: deployment as Deployment<readonly Plugin[]> })
    runtime.on('notice', ({ message }) => notices.push(message))
    return runtime
  }
  return { make, plugins, compiled, deployed, notices }
}

describe('a deployment', () => {
  it('gives each task its backend, options, compressor and model', async () => {
    const { plugins, make } = workshop()
    await using runtime = createRuntime({
      plugins,
      deployment: { roles: { retrieve: { backend: { name: 'tfjs', devices: ['wasm'] }, model: 'small' }, read: { backend: 'onnx', compress: { name: 'int8', bits: 4 } } } },
    })
    await runtime.task('retrieve', {})
    await runtime.task('read', { model: 'large' })
    expect(make.log).toEqual(['files small', 'tfjs built {"devices":["wasm"]}', 'files large', 'onnx built-4 {}'])
  })

  it('gives tasks that another asks for their own role, and what that one has where they have none', async () => {
    const { deployed, make } = workshop()
    await using runtime = deployed({ roles: { base: { backend: 'onnx', model: 'm', compress: 'int8' }, retrieve: { backend: 'tfjs', model: 'other' } } })
    await runtime.task('base', {} as never)
    expect(make.log.toSorted()).toEqual(['files other', 'files reader', 'onnx built-8 {}', 'tfjs built-8 {}'])
  })

  it('gives tasks that another asks for their own role, also where the call said something of the other', async () => {
    const { deployed, compiled } = workshop()
    await using runtime = deployed({ roles: { retrieve: { backend: 'tfjs' } } })
    await runtime.task('base', { model: 'm', backend: 'onnx' } as never)
    expect(compiled().toSorted()).toEqual(['onnx built {}', 'tfjs built {}'])
  })

  it('goes behind what a call says, and before what it says for all', async () => {
    const { deployed, compiled } = workshop()
    await using runtime = deployed({ roles: { read: { backend: 'onnx', compress: 'int8' } }, default: { backend: { name: 'tfjs', x: 1 }, compress: { name: 'int8', bits: 2 } } })
    await runtime.task('retrieve', { model: 'm' } as never)
    await runtime.task('read', { model: 'm' } as never)
    await runtime.task('read', { model: 'm', backend: { name: 'tfjs', x: 2 }, compress: { name: 'int8', bits: 1 } } as never)
    expect(compiled()).toEqual(['tfjs built-2 {"x":1}', 'onnx built-8 {}', 'tfjs built-1 {"x":2}'])
  })

  it('has roles of other names for a task that has several', async () => {
    const { plugins, make, compiled } = workshop((context) => context.task('retrieve', { role: 'quick' }).then(() => undefined))
    await using runtime = createRuntime({
      plugins,
      deployment: { roles: { quick: { task: 'retrieve', backend: 'tfjs', model: 'small' }, retrieve: { backend: 'onnx', model: 'large' } } },
    })
    await runtime.task('retrieve', { role: 'quick' })
    await runtime.task('retrieve', {})
    expect(make.log).toEqual(['files small', 'tfjs built {}', 'files large', 'onnx built {}'])
    await runtime.task('base', {} as never) // asks for the role 'quick', which is there already
    expect(compiled()).toHaveLength(2)
    await expect(runtime.task('retrieve', { role: 'quik' } as never)).rejects.toThrow("Did you mean 'quick'? The deployment has: quick, retrieve")
    await expect(runtime.task('read', { model: 'm', role: 'quick' })).rejects.toThrow("is 'quick', which is for the task 'retrieve'")
  })

  it('comes from JSON too', async () => {
    const { plugins, compiled } = workshop()
    const deployment = parseDeployment('{ "roles": { "read": { "backend": { "name": "onnx", "devices": ["cpu"] }, "model": "m" } } }')
    await using runtime = createRuntime({ plugins, deployment })
    await runtime.task('read', {})
    expect(compiled()).toEqual(['onnx built {"devices":["cpu"]}'])
  })

  it('leaves a model that nobody named to be told when it is opened', async () => {
    const { deployed } = workshop()
    await expect(deployed({ roles: { read: {} } }).task('read', {} as never)).rejects.toThrow("The option 'model' is undefined")
  })
})

describe('a list of backends', () => {
  it('is tried in order, and what is passed over is said aloud', async () => {
    const { deployed, compiled, notices } = workshop()
    await using runtime = deployed({ roles: { read: { backend: [{ name: 'onnx', device: 'gpu' }, { name: 'tfjs', device: 'wasm' }] } } })
    await runtime.task('read', { model: 'm' } as never)
    expect(compiled()).toEqual(['tfjs built {"device":"wasm"}'])
    expect(notices).toEqual(["'built' runs on tfjs/wasm: onnx/gpu: no GPU: buy one"])
  })

  it('names the reasons of all where none can be used', async () => {
    const { deployed } = workshop()
    await using runtime = deployed(undefined)
    const missing = runtime.task('read', { model: 'm', backend: [{ name: 'onnx', device: 'gpu' }, { name: 'onnx', device: 'gpu', prepack: false }] } as never)
    await expect(missing).rejects.toMatchObject({ code: 'TENON_BACKEND_UNAVAILABLE', message: expect.stringContaining('onnx/gpu: no GPU: buy one; onnx/gpu: no GPU: buy one') })
  })
})

describe('a device', () => {
  it('that does not exist is an error that lists those that do, in a call and in the deployment', async () => {
    const { deployed, make } = workshop()
    await using runtime = deployed({ roles: { retrieve: { backend: ['tfjs', { name: 'onnx', device: 'cpuu' }] } } })
    await expect(runtime.task('read', { model: 'm', backend: { name: 'onnx', device: 'gp' } } as never)).rejects.toMatchObject({
      code: 'TENON_INVALID_OPTION', option: 'device', message: expect.stringMatching(/is 'gp', which is no device of the backend 'onnx'.*Did you mean 'gpu'\? It has: cpu, gpu/),
    })
    await expect(runtime.check()).rejects.toMatchObject({ code: 'TENON_INVALID_DEPLOYMENT', path: 'roles.retrieve.backend.device', message: expect.stringContaining("Did you mean 'cpu'?") })
    expect(make.live.size).toBe(0)
  })

  it('that is there and not available is an error with its reason, before anything is compiled', async () => {
    const { deployed, compiled } = workshop()
    await using runtime = deployed({ roles: { read: { backend: { name: 'onnx', device: 'gpu' } } }, default: { backend: 'tfjs' } })
    await expect(runtime.check()).rejects.toThrow("The backend 'onnx/gpu' is not available here: no GPU: buy one")
    await expect(runtime.task('read', { model: 'm' } as never)).rejects.toMatchObject({ code: 'TENON_BACKEND_UNAVAILABLE' })
    expect(compiled()).toEqual([])
  })

  it('that is there makes the check pass', async () => {
    const { deployed } = workshop()
    await using runtime = deployed({ roles: { read: { backend: { name: 'onnx', device: 'cpu' } }, retrieve: { backend: 'auto' } }, default: { backend: ['tfjs'] } })
    await expect(runtime.check()).resolves.toBeUndefined()
  })
})

describe('a deployment that cannot be meant', () => {
  it.each<[string, unknown, string, string]>([
    ['text', 'onnx', '', 'Pass an object with any of: roles, default'],
    ['null', null, '', 'Pass an object'],
    ['a list', [], '', 'Pass an object'],
    ['an unknown key', { rolls: {} }, 'rolls', "Did you mean 'roles'?"],
    ['roles that are a list', { roles: [] }, 'roles', 'Pass an object: {'],
    ['a role that is a list', { roles: { read: [{ backend: 'onnx' }] } }, 'roles.read', 'Pass an object with any of: task, model, backend, compress'],
    ['a role that is text', { roles: { read: 'onnx' } }, 'roles.read', 'Pass an object'],
    ['a misspelt task', { roles: { rea: { backend: 'onnx' } } }, 'roles.rea', "Did you mean 'read'?"],
    ['a role that names no task', { roles: { summary: {} } }, 'roles.summary', 'Say what it is for, "task": "retrieve"'],
    ['a role of an unknown task', { roles: { summary: { task: 'reed' } } }, 'roles.summary.task', "Did you mean 'read'?"],
    ['a role of a task that is none', { roles: { summary: { task: 3 } } }, 'roles.summary.task', 'passed were: retrieve, read, base'],
    ["a role that has another task's name", { roles: { read: { task: 'retrieve' } } }, 'roles.read.task', 'Give the role another name'],
    ['an unknown key of a role', { roles: { read: { device: 'cpu' } } }, 'roles.read.device', 'Known are: task, model, backend, compress'],
    ['backends in place of a backend', { roles: { read: { backends: ['onnx'] } } }, 'roles.read.backends', "Did you mean 'backend'?"],
    ['two backends for a role', { roles: { read: { backend: 'onnx', backends: ['tfjs'] } } }, 'roles.read.backends', 'Keep one of the two'],
    ['an unknown backend', { roles: { read: { backend: 'onxx' } } }, 'roles.read.backend', "Did you mean 'onnx'?"],
    ['a backend that is null', { roles: { read: { backend: null } } }, 'roles.read.backend', 'passed were: onnx, tfjs'],
    ['an empty list of backends', { roles: { read: { backend: [] } } }, 'roles.read.backend', 'Name a backend'],
    ['one backend twice', { roles: { read: { backend: ['onnx', { name: 'onnx' }] } } }, 'roles.read.backend', 'List it once'],
    ['auto in a list', { default: { backend: ['auto', 'onnx'] } }, 'default.backend', "{ name: 'auto', among: [ … ] }"],
    ['an unknown option of auto', { default: { backend: { name: 'auto', amog: [] } } }, 'default.backend.amog', "Did you mean 'among'?"],
    ['auto among something else', { default: { backend: { name: 'auto', among: 'onnx' } } }, 'default.backend.among', 'Pass backends'],
    ['auto among nothing', { default: { backend: { name: 'auto', among: [] } } }, 'default.backend.among', 'Name a backend'],
    ['a time that is none', { default: { backend: { name: 'auto', milliseconds: '2s' } } }, 'default.backend.milliseconds', 'how long'],
    ['sizes that are none', { default: { backend: { name: 'auto', sizes: { batch: 0 } } } }, 'default.backend.sizes', '{ batch: 8, sequence: 128 }'],
    ['an unknown compressor', { default: { compress: 'int9' } }, 'default.compress', "Did you mean 'int8'?"],
    ['a model for all', { default: { model: 'm' } }, 'default.model', 'Known are: backend, compress'],
    ['a model that is none', { roles: { read: { model: '' } } }, 'roles.read.model', 'Name a folder'],
    ['a role with a name that every object has', { roles: { ['__proto__']: { backend: 'onnx' }, constructor: {} } }, 'roles.__proto__', 'Say what it is for'],
  ])('is refused where it is made, with the place and a remedy: %s', (_, deployment, path, remedy) => {
    const { deployed } = workshop()
    expect(() => deployed(deployment)).toThrow(expect.objectContaining({ code: 'TENON_INVALID_DEPLOYMENT', path, remedy: expect.stringContaining(remedy) }))
  })

  it('is told what the backend itself says of its options', () => {
    const { make, plugins } = workshop()
    const strict = { ...make.backend('strict'), check: ({ devices }: { devices?: unknown }) => { if (devices !== undefined) throw new TypeError('a bug of the plugin') } }
    expect(() => createRuntime({ plugins: [...plugins, strict] as readonly Plugin[], deployment: { default: { backend: { name: 'strict', devices: [] } } } as never })).toThrow('a bug of the plugin')
  })
})
