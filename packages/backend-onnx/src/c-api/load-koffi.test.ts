import { createRequire } from 'node:module'
import { expect, it } from 'vitest'
import { onnx } from '../index.js'
import { doubling, floats } from '../testing/graphs.js'
import type { Koffi } from './api.js'

// A file of its own, hence a process of its own: koffi's settings are fixed once it has loaded a library.
it('runs in workers, and says why, where somebody else fixed the size of the stacks before', async () => {
  const koffi = createRequire(import.meta.url)('koffi') as Koffi
  koffi.load(null)
  const backend = onnx()
  const { details } = (await backend.probe()) as { details: Record<string, string> }
  expect(details['binding']).toMatch(/^worker: .*stacks of \d+ KiB/)
  await using executable = await backend.compile(doubling, {}, { emit: () => {} })
  expect(Array.from((await (await executable.run({ x: floats(1) })).y!.data()) as Float32Array)).toEqual([2])
  await expect(onnx({ binding: 'native' }).compile(doubling, {}, { emit: () => {} })).rejects.toThrow('loaded a library with koffi before')
  await backend.dispose?.()
})
