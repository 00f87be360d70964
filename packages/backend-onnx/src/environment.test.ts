import { readdirSync } from 'node:fs'
import { stat } from 'node:fs/promises'

import type { TenonEvent } from '@tenon/core'
import { describe, expect, it } from 'vitest'

import { onnx } from './index.js'
import { doubling, floats, longWork } from './testing/graphs.js'

const ignore = { emit: () => {} }

// A file of its own, hence a process of its own: once onnxruntime-node itself is loaded, the environment is made its way.
describe('the environment', () => {
  const tasks = () => readdirSync('/proc/self/task').length

  it.runIf(process.platform === 'linux')('keeps all sessions together within the threads it was given', async () => {
    // libuv starts its threads when the first is needed; they wait for the library and do not count.
    await Promise.all(Array.from({ length: 8 }, () => stat('/')))
    const before = tasks()
    const backend = onnx({ threads: 5, binding: 'native' })
    const { graph, feeds } = longWork(3)
    const executables = [await backend.compile(graph, {}, ignore), await backend.compile({ ...graph, name: 'other' }, {}, ignore)]
    for (const executable of executables) (await executable.run(feeds)).y![Symbol.dispose]()
    await Promise.all(executables.map(async (executable) => (await executable.run(feeds)).y![Symbol.dispose]()))
    // Four compute together with the thread that calls; the library keeps one more, asleep, for as long as the process lives.
    expect(tasks() - before).toBeLessThanOrEqual(4 + 1)
    await backend.dispose?.()
    expect(tasks() - before).toBeLessThanOrEqual(1)
  })

  it('serves a second plugin with the threads of the first, and says so', async () => {
    const first = onnx({ threads: 2, binding: 'native' })
    await using one = await first.compile(doubling, {}, ignore)
    const second = onnx({ threads: 3, binding: 'native' })
    const events: TenonEvent[] = []
    await using two = await second.compile(doubling, {}, { emit: (event) => events.push(event) })
    expect(events).toContainEqual({ type: 'notice', code: 'TENON_ONNX_THREADS_SET_BEFORE', message: expect.stringContaining('all sessions share 2') })
    await first.dispose?.()
    await expect(one.run({ x: floats(1) })).rejects.toMatchObject({ code: 'TENON_DISPOSED' })
    expect((await two.run({ x: floats(1) })).y!.shape).toEqual([1])
    await second.dispose?.()
  })

  it('starts anew after it was disposed of', async () => {
    const backend = onnx({ threads: 2, binding: 'native' })
    for (let round = 0; round < 3; round++) {
      const executable = await backend.compile(doubling, {}, ignore)
      expect((await executable.run({ x: floats(1) })).y!.shape).toEqual([1])
      await backend.dispose?.()
    }
  })
})
