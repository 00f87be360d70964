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
  it('packs them once runs have taken as long as that pays, and runs the packed ones from then on', async () => {
    const [left, packed] = [session(1), session(2)]
    const pack = vi.fn<(signal: AbortSignal) => Promise<Session>>(async () => packed)
    const executable = new OnnxExecutable(graph, left, { pack, paysAfter: 0, onClose: () => undefined })
    expect([await resultOf(executable), pack.mock.calls.length]).toEqual([1, 1])
    await vi.waitFor(() => expect(left.close).toHaveBeenCalledTimes(1))
    expect([await resultOf(executable), pack.mock.calls.length]).toEqual([2, 1])
    await executable[Symbol.asyncDispose]()
    expect([left.close.mock.calls.length, packed.close.mock.calls.length]).toEqual([1, 1])
  })

  it('packs nothing before, and nothing where there is nothing to pack', async () => {
    const pack = vi.fn<() => Promise<Session>>()
    const executable = new OnnxExecutable(graph, session(1), { pack, paysAfter: Infinity, onClose: () => undefined })
    await resultOf(executable)
    expect(pack).not.toHaveBeenCalled()
    expect(await resultOf(new OnnxExecutable(graph, session(1), { paysAfter: 0, onClose: () => undefined }))).toBe(1)
  })

  it('closes what it ran before when the last run there has ended', async () => {
    const [left, packed] = [session(1, true), session(2)]
    const executable = new OnnxExecutable(graph, left, { pack: async () => packed, paysAfter: 0, onClose: () => undefined })
    const first = resultOf(executable)
    await vi.waitFor(() => expect(left.run).toHaveBeenCalledTimes(1))
    const second = resultOf(executable)
    await vi.waitFor(() => expect(left.run).toHaveBeenCalledTimes(2))
    const [endFirst] = [left.end]
    endFirst()
    expect([await first, await second]).toEqual([1, 1])
    await vi.waitFor(() => expect(packed.run.mock.calls.length + left.close.mock.calls.length).toBe(1))
    expect(await resultOf(executable)).toBe(2)
    await executable[Symbol.asyncDispose]()
  })

  it('goes on as it is where packing fails', async () => {
    const left = session(1)
    const executable = new OnnxExecutable(graph, left, { pack: () => Promise.reject(new Error('no memory')), paysAfter: 0, onClose: () => undefined })
    expect([await resultOf(executable), await resultOf(executable)]).toEqual([1, 1])
    await executable[Symbol.asyncDispose]()
    expect(left.close).toHaveBeenCalledTimes(1)
  })

  it('stops packing when it is disposed of, and closes what has come of it', async () => {
    for (const comes of [true, false]) {
      const [left, packed] = [session(1), session(2)]
      const pack = (signal: AbortSignal) => new Promise<Session>((resolve, reject) => signal.addEventListener('abort', () => (comes ? resolve(packed) : reject(new Error('aborted')))))
      const executable = new OnnxExecutable(graph, left, { pack, paysAfter: 0, onClose: () => undefined })
      await resultOf(executable)
      await executable[Symbol.asyncDispose]()
      expect([left.close.mock.calls.length, packed.close.mock.calls.length]).toEqual([1, comes ? 1 : 0])
    }
  })
})
