import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { TenonEvent } from '@tenon/core'
import { describe, expect, it } from 'vitest'

import { onnx } from './index.js'
import { findInstallation } from './library.js'
import { doubling, floats } from './testing/graphs.js'

const ignore = { emit: () => {} }
const nowhere = '/nowhere/libonnxruntime.so.1'

describe('probe', () => {
  it('tells the version, the binding and the processor', async () => {
    const backend = onnx({ threads: 2 })
    expect(await backend.probe()).toEqual({
      available: true,
      devices: [{ device: 'cpu', available: true }],
      details: expect.objectContaining({ onnxruntime: expect.stringMatching(/^1\.\d+\.\d+$/), binding: expect.stringMatching(/^native: /), cpu: expect.any(String), threads: '2, shared by all sessions' }),
    })
    await backend.dispose?.()
  })

  it('says what to install when onnxruntime-node is missing', async () => {
    const backend = onnx({ onnxruntime: { package: 'onnxruntime-node-that-is-not-there' } })
    expect(await backend.probe()).toEqual({ available: false, reason: expect.stringMatching(/not installed.*Install onnxruntime-node/) })
    await expect(backend.compile(doubling, {}, ignore)).rejects.toMatchObject({ code: 'TENON_BACKEND_UNAVAILABLE' })
  })

  it('says why the C API cannot be used when nothing else will do', async () => {
    const backend = onnx({ binding: 'native', onnxruntime: { library: nowhere } })
    expect(await backend.probe()).toEqual({ available: false, reason: expect.stringContaining(nowhere) })
  })

  it('gives the reason and the remedy for each device that is missing', async () => {
    const backend = onnx({ devices: ['tensorrt', { device: 'cuda', deviceId: 1 }], onnxruntime: { library: nowhere } })
    const probe = await backend.probe()
    expect(probe).toMatchObject({ available: false, devices: [{ device: 'tensorrt', available: false, reason: expect.stringContaining("devices: ['cpu']") }, { device: 'cuda', available: false }] })
    await backend.dispose?.()
  })
})

describe('the choice of a device', () => {
  it('falls back in the open, in the order given', async () => {
    const backend = onnx({ devices: ['cuda', 'cpu'], binding: 'worker', onnxruntime: { library: nowhere } })
    const events: TenonEvent[] = []
    await using executable = await backend.compile(doubling, {}, { emit: (event) => events.push(event) })
    expect(events).toContainEqual({ type: 'notice', code: 'TENON_ONNX_DEVICE_FALLBACK', message: expect.stringContaining('runs on cpu: cuda:') })
    expect((await executable.run({ x: floats(1) })).y!.shape).toEqual([1])
  })

  it.runIf(process.platform === 'linux')('passes over a device whose provider library is there and does not load', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'backend-onnx-device-'))
    const library = join(folder, 'libonnxruntime.so.1')
    await symlink(findInstallation().library, library)
    await writeFile(join(folder, 'libonnxruntime_providers_cuda.so'), 'no library')
    const backend = onnx({ devices: ['cuda', 'cpu'], onnxruntime: { library } })
    const missing = { device: 'cuda', available: false, reason: expect.stringMatching(/^Failed to load.* library.*nvidia-smi.*devices: \['cpu'\]|^OrtSessionOptions.*Failed to load.* library/) }
    expect(await backend.probe()).toMatchObject({ available: true, devices: [missing, { device: 'cpu', available: true }] })
    const events: TenonEvent[] = []
    const executable = await backend.compile(doubling, {}, { emit: (event) => events.push(event) })
    expect(events).toContainEqual({ type: 'notice', code: 'TENON_ONNX_DEVICE_FALLBACK', message: expect.stringMatching(/Failed to load.* library/) })
    expect((await executable.run({ x: floats(1) })).y!.shape).toEqual([1])
    await expect(backend.compile(doubling, { device: 'cuda' }, ignore)).rejects.toMatchObject({ code: 'TENON_BACKEND_UNAVAILABLE', message: expect.stringMatching(/Failed to load.* library/) })
    await backend.dispose?.()
    await rm(folder, { recursive: true })
  })

  it('does not fall back from a device that a task asks for', async () => {
    const backend = onnx({ devices: ['cuda', 'cpu'], binding: 'worker', onnxruntime: { library: nowhere } })
    await expect(backend.compile(doubling, { device: 'cuda' }, ignore)).rejects.toMatchObject({ code: 'TENON_BACKEND_UNAVAILABLE' })
    await expect(backend.compile(doubling, { device: 'tensorrt' }, ignore)).rejects.toThrow('not among those of onnx()')
  })
})

describe('options', () => {
  it.each<[string, object]>([
    ['thread', { thread: 2 }],
    ['threads', { threads: 0 }],
    ['devices', { devices: [] }],
    ['devices', { devices: ['gpu'] }],
    ['deviceID', { devices: [{ device: 'cuda', deviceID: 1 }] }],
    ['binding', { binding: 'ffi' }],
    ['lib', { onnxruntime: { lib: nowhere } }],
  ])('refuses %s in %j', (option, options) => {
    expect(() => onnx(options)).toThrow(expect.objectContaining({ code: 'TENON_INVALID_OPTION', option }))
  })

  it('refuses an unknown option of a task', async () => {
    await expect(onnx().compile(doubling, { prepacked: true } as never, ignore)).rejects.toMatchObject({ option: 'prepacked' })
  })
})

describe('the worker binding as a fallback', () => {
  it('takes over with a notice when the C API cannot be used', async () => {
    const backend = onnx({ onnxruntime: { library: nowhere } })
    const events: TenonEvent[] = []
    const executable = await backend.compile(doubling, {}, { emit: (event) => events.push(event) })
    expect(events).toContainEqual({ type: 'notice', code: 'TENON_ONNX_WORKER_BINDING', message: expect.stringContaining(nowhere) })
    expect(Array.from((await (await executable.run({ x: floats(1, 2) })).y!.data()) as Float32Array)).toEqual([2, 4])
    await backend.dispose?.()
  })
})
