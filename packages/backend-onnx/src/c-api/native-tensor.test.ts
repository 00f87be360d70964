import { DisposedError, tensor, type Graph } from '@tenon/core'
import { describe, expect, it, onTestFinished } from 'vitest'

import { onnx } from '../index.js'
import { doubling, floats, graph } from '../testing/graphs.js'

const ignore = { emit: () => {} }

it('hands out one view on native memory, and none after disposal', async () => {
  const backend = onnx({ binding: 'native', threads: 2 })
  const executable = await backend.compile(doubling, {}, ignore)
  const y = (await executable.run({ x: tensor('float32', [3], Float32Array.of(1, 2, 3)) })).y!
  expect(await y.data()).toBe(await y.data())
  y[Symbol.dispose]()
  await expect(y.data()).rejects.toThrow(DisposedError)
  await backend.dispose?.()
})

it('outlives its executable', async () => {
  const backend = onnx({ binding: 'native', threads: 2 })
  const executable = await backend.compile(doubling, {}, ignore)
  const { y } = await executable.run({ x: tensor('float32', [3], Float32Array.of(1, 2, 3)) })
  await backend.dispose?.()
  expect(Array.from((await y!.data()) as Float32Array)).toEqual([2, 4, 6])
  y![Symbol.dispose]()
})

it('frees outputs that nobody disposed of', async () => {
  const backend = onnx({ binding: 'native', threads: 2 })
  const executable = await backend.compile(doubling, {}, ignore)
  const x = tensor('float32', [1_000_000], new Float32Array(1_000_000))
  const before = process.memoryUsage().rss
  for (let run = 0; run < 200; run++) await (await executable.run({ x })).y!.data()
  // 200 outputs of 4 MB: kept, they would come to 800.
  expect((process.memoryUsage().rss - before) / 2 ** 20).toBeLessThan(400)
  await backend.dispose?.()
})

describe('an output of a graph that updates its feeds', () => {
  /** y = 2 · x, and the sum becomes sum + x. */
  const summing: Graph = {
    ...graph({ name: 'summing', inputs: { x: ['n'], sum: ['n'] }, outputs: { y: ['n'], 'sum.next': ['n'] } }, ['Add', ['x', 'x'], ['y']], ['Add', ['sum', 'x'], ['sum.next']]),
    updates: new Map([['sum.next', 'sum']]),
  }
  const open = async () => {
    const backend = onnx({ binding: 'native', threads: 2 })
    onTestFinished(() => backend.dispose?.())
    const executable = await backend.compile(summing, {}, ignore)
    return async (...values: number[]) => (await executable.run({ x: floats(...values), sum: floats(...values.map(() => 0)) })).y!
  }

  it('is written where an earlier one was, when that was read and disposed of', async () => {
    const run = await open()
    const first = await run(1, 2)
    const array = await first.data()
    first[Symbol.dispose]()
    const second = await run(3, 4)
    expect(await second.data()).toBe(array)
    expect(Array.from(array as Float32Array)).toEqual([6, 8])
    await expect(first.data()).rejects.toThrow(DisposedError)
    first[Symbol.dispose]() // again: that memory is the second's now
    expect(await (await run(5, 6)).data()).not.toBe(array)
    expect(Array.from(array as Float32Array)).toEqual([6, 8])
  })

  it('has memory of its own while the earlier one is in use, and where it has another shape', async () => {
    const run = await open()
    const [first, second] = [await run(1, 2), await run(3, 4)]
    expect([Array.from((await first.data()) as Float32Array), Array.from((await second.data()) as Float32Array)]).toEqual([[2, 4], [6, 8]])
    first[Symbol.dispose]()
    const longer = await run(1, 2, 3)
    expect(longer.shape).toEqual([3])
    expect(Array.from((await longer.data()) as Float32Array)).toEqual([2, 4, 6])
    expect(Array.from((await second.data()) as Float32Array)).toEqual([6, 8])
  })
})
