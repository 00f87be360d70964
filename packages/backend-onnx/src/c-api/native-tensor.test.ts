import { DisposedError, tensor } from '@tenon/core'
import { expect, it } from 'vitest'

import { onnx } from '../index.js'
import { doubling } from '../testing/graphs.js'

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
