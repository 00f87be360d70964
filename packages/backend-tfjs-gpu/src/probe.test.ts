import type { TenonEvent } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { tfjs } from './index.js'
import { kernelNames } from './kernels.js'
import { restoreOldUtilities } from './old-utilities.js'
import { load } from './testing/devices.js'
import { doubling, floats } from './testing/graphs.js'
import { nativeKernels } from './testing/native-kernels.js'
import { tensorflowMock } from './testing/tensorflow-mock.js'

/** Loads what the table has, and the rest as usual; a string is the message of what is thrown. */
const loading = (table: Readonly<Record<string, unknown>>) => (name: string) => {
  const entry = table[name]
  if (typeof entry === 'string') throw new Error(entry)
  return entry ?? load(name)
}

const missing = (name: string) => `Cannot find module '${name}'\nRequire stack:\n- somewhere`
const gpuPackage = '@tensorflow/tfjs-node-gpu'
const nativePackage = '@tensorflow/tfjs-node'
const nothing = { [gpuPackage]: missing(gpuPackage), [nativePackage]: missing(nativePackage), '@tensorflow/tfjs-core': missing('@tensorflow/tfjs-core') }

describe('the probe', () => {
  it('tells which device is used, and of the others what to install', async () => {
    const backend = tfjs({ load: loading({ [gpuPackage]: missing(gpuPackage), [nativePackage]: missing(nativePackage) }) })
    expect(await backend.probe()).toEqual({
      available: true,
      devices: [
        { device: 'gpu', available: false, reason: 'the package @tensorflow/tfjs-node-gpu is not installed; run: npm install @tensorflow/tfjs-node-gpu' },
        { device: 'native', available: false, reason: 'the package @tensorflow/tfjs-node is not installed; run: npm install @tensorflow/tfjs-node' },
        { device: 'wasm', available: true },
        { device: 'cpu', available: true },
      ],
      details: { device: 'wasm', package: '@tensorflow/tfjs-backend-wasm' },
    })
  })

  it('tells all that is to be installed for WebAssembly', async () => {
    const { '@tensorflow/tfjs-core': core } = nothing
    const probe = await tfjs({ devices: ['wasm'], load: loading({ '@tensorflow/tfjs-core': core }) }).probe()
    expect(probe).toMatchObject({ available: false, reason: 'wasm: the package @tensorflow/tfjs-core is not installed; run: npm install @tensorflow/tfjs-core @tensorflow/tfjs-backend-wasm' })
  })

  it.each([
    ['is installed without its native library', { [gpuPackage]: "The Node.js native addon module (tfjs_binding.node) can not be found at path: /x." }, /is installed without its native library; let its install script fetch it \(npm rebuild @tensorflow\/tfjs-node-gpu; with pnpm, name it in onlyBuiltDependencies first\)/],
    ['lacks a library of the system', { [gpuPackage]: 'libtensorflow.so.2: cannot open shared object file: No such file or directory\nmore' }, /cannot be loaded: libtensorflow\.so\.2: cannot open shared object file: No such file or directory; install a version that has a build for this platform/],
    ['sees no GPU', { [gpuPackage]: tensorflowMock({ gpu: false }) }, /TensorFlow sees no GPU here, or lacks its libraries; install NVIDIA's driver, and CUDA and cuDNN .*, or use the device 'native'/],
    ['lacks a kernel', { [gpuPackage]: tensorflowMock({ kernels: false }) }, /its backend 'tensorflow' has no kernel Abs; install version 4\.22\.0 of it/],
    ['does not start', { [gpuPackage]: tensorflowMock({ starts: false }) }, /the backend 'tensorflow' of @tensorflow\/tfjs-node-gpu does not start: it did not start/],
    ['is something else', { [gpuPackage]: { default: {} } }, /what was loaded as @tensorflow\/tfjs-node-gpu is not TensorFlow\.js; let load\(\) return the package/],
  ])('tells that the native library %s, and what to do', async (_, table, reason) => {
    const probe = await tfjs({ devices: ['gpu'], load: loading(table) }).probe()
    expect(probe).toMatchObject({ available: false, reason: expect.stringMatching(reason), devices: [{ device: 'gpu', available: false }] })
  })

  it('takes a GPU where there is one', async () => {
    const probe = await tfjs({ load: loading({ ...nothing, [gpuPackage]: Promise.resolve({ default: tensorflowMock() }) }) }).probe()
    expect(probe).toMatchObject({ available: true, details: { device: 'gpu', package: gpuPackage } })
  })

  it('looks anew each time, since what was missing may have been installed', async () => {
    const table: Record<string, unknown> = { ...nothing }
    const backend = tfjs({ devices: ['gpu'], load: loading(table) })
    expect(await backend.probe()).toMatchObject({ available: false })
    table[gpuPackage] = tensorflowMock()
    expect(await backend.probe()).toMatchObject({ available: true })
  })
})

describe('a fallback', () => {
  it('is said aloud, with the reasons', async () => {
    const events: TenonEvent[] = []
    const backend = tfjs({ devices: ['gpu', 'wasm'], load: loading({ [gpuPackage]: missing(gpuPackage) }) })
    await using executable = await backend.compile(doubling(), {}, { emit: (event) => events.push(event) })
    expect(events.filter(({ type }) => type === 'notice')).toEqual([
      { type: 'notice', code: 'TENON_TFJS_DEVICE_FALLBACK', message: "'doubling' runs on wasm: gpu: the package @tensorflow/tfjs-node-gpu is not installed; run: npm install @tensorflow/tfjs-node-gpu" },
    ])
    using output = (await executable.run({ x: floats(1) }))['y']!
    expect(Array.from((await output.data()) as Float32Array)).toEqual([2])
  })

  it('is not taken where a task asks for one device', async () => {
    const backend = tfjs({ devices: ['gpu', 'wasm'], load: loading({ [gpuPackage]: missing(gpuPackage) }) })
    await expect(backend.compile(doubling(), { device: 'gpu' }, { emit: () => {} })).rejects.toMatchObject({ code: 'TENON_BACKEND_UNAVAILABLE', message: expect.stringContaining('gpu: the package @tensorflow/tfjs-node-gpu is not installed') })
    await expect(backend.compile(doubling(), { device: 'cpu' }, { emit: () => {} })).rejects.toMatchObject({ code: 'TENON_BACKEND_UNAVAILABLE', remedy: 'Add it to the devices, or ask for one of: gpu, wasm' })
  })

  it('that leads nowhere names every reason', async () => {
    const backend = tfjs({ load: loading(nothing) })
    await expect(backend.compile(doubling(), {}, { emit: () => {} })).rejects.toMatchObject({
      code: 'TENON_BACKEND_UNAVAILABLE',
      message: expect.stringMatching(/gpu: .*npm install @tensorflow\/tfjs-node-gpu; native: .*; wasm: .*; cpu: .*npm install @tensorflow\/tfjs-core @tensorflow\/tfjs-backend-cpu/),
    })
  })
})

describe('the native library', () => {
  it('registers every kernel that is used', () => {
    expect(kernelNames.filter((name) => !nativeKernels.has(name))).toEqual([])
  })

  it('gets back the functions that newer Nodes took away, and only those', () => {
    const isArray = () => false
    const utilities: Record<string, unknown> = { isArray }
    expect(restoreOldUtilities(utilities)).toEqual(['isNullOrUndefined'])
    expect([null, undefined, 0].map(utilities['isNullOrUndefined'] as (value: unknown) => boolean)).toEqual([true, true, false])
    expect(utilities['isArray']).toBe(isArray)
    expect(restoreOldUtilities(utilities)).toEqual([])
  })
})
