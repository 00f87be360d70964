import { expect, it } from 'vitest'
import { checkUpdatedFeeds } from './check-updated-feeds.js'
import type { ValueInfo } from './graph.js'
import { tensor, type HostTensor, type Tensor } from './tensor.js'

const info = (name: string): ValueInfo => ({ name, dtype: 'float32', shape: [2] })
const graph = { inputs: [info('x'), info('w')], updates: new Map([['w.next', 'w']]) }
const floats = (values: Float32Array): HostTensor<'float32'> => tensor('float32', [2], values)
const fresh = () => floats(Float32Array.of(1, 2))
const elsewhere: Tensor = { dtype: 'float32', shape: [2], data: async () => Float32Array.of(1, 2), [Symbol.dispose]: () => undefined }

it('takes a feed of its own memory, also where it is next to another in one buffer', () => {
  const buffer = new Float32Array(4)
  expect(() => checkUpdatedFeeds(graph, [fresh(), fresh()])).not.toThrow()
  expect(() => checkUpdatedFeeds(graph, [floats(buffer.subarray(0, 2)), floats(buffer.subarray(2))])).not.toThrow()
})

it('refuses memory that is fed twice, as one tensor or as two that overlap', () => {
  const w = fresh()
  const buffer = new Float32Array(3)
  expect(() => checkUpdatedFeeds(graph, [w, w])).toThrow("The feed 'w' is updated by the run, and is fed as 'x' too. Feed tensors with memory of their own.")
  expect(() => checkUpdatedFeeds(graph, [floats(buffer.subarray(0, 2)), floats(buffer.subarray(1))])).toThrow("is fed as 'x' too")
})

it('takes what lives on a device only where the backend says that it is its own, and once', () => {
  expect(() => checkUpdatedFeeds(graph, [fresh(), elsewhere])).toThrow("The feed 'w' is updated by the run, and lives on another device. Feed what place() of this executable gives.")
  checkUpdatedFeeds(graph, [fresh(), elsewhere], (feed) => feed === elsewhere)
  expect(() => checkUpdatedFeeds(graph, [elsewhere, elsewhere], () => true)).toThrow("is fed as 'x' too")
})

it('has nothing to say of feeds that are only read', () => {
  const x = fresh()
  expect(() => checkUpdatedFeeds({ inputs: graph.inputs }, [x, x])).not.toThrow()
  expect(() => checkUpdatedFeeds(graph, [elsewhere, fresh()])).not.toThrow()
})
