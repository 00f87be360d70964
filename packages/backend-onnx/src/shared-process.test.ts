import { InferenceSession, Tensor } from 'onnxruntime-node'
import { inlineConstant, type TenonEvent } from '@tenon/core'
import { encodeOnnx } from '@tenon/graph/onnx'
import { expect, it } from 'vitest'

import { onnx } from './index.js'
import { doubling, floats } from './testing/graphs.js'

it('works beside onnxruntime-node used directly, whichever comes first', async () => {
  const direct = await InferenceSession.create(encodeOnnx({ ...doubling, constants: new Map([['two', inlineConstant('float32', [], Float32Array.of(2))]]) }))
  const backend = onnx({ threads: 2, binding: 'native' })
  const events: TenonEvent[] = []
  const executable = await backend.compile(doubling, {}, { emit: (event) => events.push(event) })
  expect(Array.from((await (await executable.run({ x: floats(1, 2) })).y!.data()) as Float32Array)).toEqual([2, 4])
  expect(events).toContainEqual({ type: 'notice', code: 'TENON_ONNX_OWN_THREADS', message: expect.any(String) })
  const { y } = await direct.run({ x: new Tensor('float32', Float32Array.of(3), [1]) })
  expect(Array.from(y!.data as Float32Array)).toEqual([6])
  await backend.dispose?.()
  await direct.release()
})
