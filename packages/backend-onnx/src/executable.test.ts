import { tensor, type Graph, type HostTensor, type Tensor } from '@tenon/core'
import { describe, expect, it, vi } from 'vitest'

import type { Session } from './binding.js'
import { OnnxExecutable } from './executable.js'

const graph: Graph = { name: 'echo', inputs: [{ name: 'x', dtype: 'float32', shape: [1] }], outputs: [{ name: 'y', dtype: 'float32', shape: [1] }], nodes: [], constants: new Map() }
const x = tensor('float32', [1], Float32Array.of(1))

/** A session whose results tell whose they are; with `slow`, its runs end when they are told to. */
function session(value: number, slow = false) {
  const waiting: (() => void)[] = []
  const end = () => waiting.splice(0).forEach((resolve) => resolve())
  const run = vi.fn<Session['run']>(async (): Promise<Tensor[]> => {
    if (slow) await new Promise<void>((resolve) => waiting.push(resolve))
    return [tensor('float32', [1], Float32Array.of(value)) as HostTensor]
  })
  const close = vi.fn<Session['close']>(async () => undefined)
  return { run, close, end }
}

const resultOf = async (executable: OnnxExecutable) => (await (await executable.run({ x }))['y']!.data())[0]

describe('an executable that runs weights from where they lie', () => {
  it('packs them before what it reads makes that pay, and runs the packed ones from then on', async () => {
    const [left, packed] = [session(1), session(2)]
    const pack = vi.fn<(signal: AbortSignal) => Promise<Session>>(async () => packed)
    const executable = new OnnxExecutable(graph, left, { pack, paysFrom: 3, onClose: () => undefined })
    expect([await resultOf(executable), await resultOf(executable), pack.mock.calls.length]).toEqual([1, 1, 0])
    expect([await resultOf(executable), await resultOf(executable), pack.mock.calls.length]).toEqual([2, 2, 1])
    await executable[Symbol.asyncDispose]()
    expect([left.close.mock.calls.length, packed.close.mock.calls.length]).toEqual([1, 1])
  })

  it('runs what there is where nothing is to be packed', async () => {
    expect(await resultOf(new OnnxExecutable(graph, session(1), { paysFrom: 0, onClose: () => undefined }))).toBe(1)
  })

  it('closes what it ran before when the last run there has ended', async () => {
    const [left, packed] = [session(1, true), session(2)]
    const executable = new OnnxExecutable(graph, left, { pack: async () => packed, paysFrom: 2, onClose: () => undefined })
    const first = resultOf(executable)
    await vi.waitFor(() => expect(left.run).toHaveBeenCalledTimes(1))
    expect([await resultOf(executable), left.close.mock.calls.length]).toEqual([2, 0])
    left.end()
    expect(await first).toBe(1)
    await vi.waitFor(() => expect(left.close).toHaveBeenCalledTimes(1))
    await executable[Symbol.asyncDispose]()
    expect([left.close.mock.calls.length, packed.close.mock.calls.length]).toEqual([1, 1])
  })

  it('packs once for runs that come together', async () => {
    const packed = session(2)
    const pack = vi.fn<() => Promise<Session>>(async () => packed)
    const executable = new OnnxExecutable(graph, session(1), { pack, paysFrom: 1, onClose: () => undefined })
    expect(await Promise.all([resultOf(executable), resultOf(executable)])).toEqual([2, 2])
    expect(pack).toHaveBeenCalledTimes(1)
  })

  it('goes on as it is where packing fails', async () => {
    const left = session(1)
    const executable = new OnnxExecutable(graph, left, { pack: () => Promise.reject(new Error('no memory')), paysFrom: 0, onClose: () => undefined })
    expect([await resultOf(executable), await resultOf(executable)]).toEqual([1, 1])
    await executable[Symbol.asyncDispose]()
    expect(left.close).toHaveBeenCalledTimes(1)
  })

  it('lets a run go that is aborted while it waits, and packs for the others', async () => {
    const packed = session(2)
    const stop = new AbortController()
    const pack = () => new Promise<Session>((resolve) => setTimeout(() => resolve(packed), 20))
    const executable = new OnnxExecutable(graph, session(1), { pack, paysFrom: 0, onClose: () => undefined })
    const aborted = executable.run({ x }, { signal: stop.signal })
    stop.abort()
    await expect(aborted).rejects.toMatchObject({ code: 'TENON_ABORTED' })
    expect(await resultOf(executable)).toBe(2)
    await executable[Symbol.asyncDispose]()
  })

  it('stops packing when it is disposed of, and closes what has come of it', async () => {
    for (const comes of [true, false]) {
      const [left, packed] = [session(1), session(2)]
      const pack = (signal: AbortSignal) => new Promise<Session>((resolve, reject) => signal.addEventListener('abort', () => (comes ? resolve(packed) : reject(new Error('aborted')))))
      const executable = new OnnxExecutable(graph, left, { pack, paysFrom: 0, onClose: () => undefined })
      const result = resultOf(executable)
      await executable[Symbol.asyncDispose]()
      expect(await result).toBe(comes ? 2 : 1)
      expect([left.close.mock.calls.length, packed.close.mock.calls.length]).toEqual([1, comes ? 1 : 0])
    }
  })
})
