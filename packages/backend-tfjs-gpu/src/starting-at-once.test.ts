import { expect, it } from 'vitest'
import { tfjs } from './index.js'

// A file of its own, hence a process in which nothing has started yet.
it('starts two devices that are asked for at once', async () => {
  const probes = await Promise.all([tfjs({ devices: ['wasm'] }).probe(), tfjs({ devices: ['cpu'] }).probe(), tfjs({ devices: ['wasm'] }).probe()])
  expect(probes.map(({ available, devices }) => [available, devices?.map(({ device, reason }) => reason ?? device)])).toEqual([[true, ['wasm']], [true, ['cpu']], [true, ['wasm']]])
})
