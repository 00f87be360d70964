import { inlineConstant, tensor } from '@tenon/core'
import { GraphBuilder } from '@tenon/graph'
import { Gelu, LayerNormalization, LogSoftmax, MatMul, Mul, ReduceSum } from '@tenon/graph/ops'
import { gradientCheck, testBackend } from '@tenon/testing'
import { afterAll, describe, expect, it } from 'vitest'

import { onnx } from './index.js'

const unsupported = { reduce_max_empty_set_bool: 'ONNX Runtime defines no largest boolean of none' }

describe.each([
  { binding: 'native' },
  // The same kernels behind another door, and a new thread for each session: the types that pass are what is left to test.
  { binding: 'worker', ops: ['Cast'] },
] as const)('the $binding binding', ({ binding, ...some }) => {
  testBackend(
    { describe, it, afterAll },
    {
      create: () => onnx({ binding, threads: 2 }),
      missing: () => onnx({ binding, onnxruntime: { package: 'onnxruntime-node-that-is-not-there' } }),
      devices: ['cpu'],
      unsupported,
      ...some,
    },
  )
})

it('runs gradients that are how a loss varies', async () => {
  const numbers = (count: number, seed: number) => Float32Array.from({ length: count }, (_, index) => Math.sin(12.9898 * (index + seed)))
  const builder = new GraphBuilder('layer')
  const weight = (name: string, shape: readonly number[], seed: number) => builder.constant(inlineConstant('float32', shape, numbers(shape.reduce((a, b) => a * b), seed)), name)
  const x = builder.input('x', 'float32', ['rows', 4])
  const hidden = LayerNormalization(Gelu(MatMul(x, weight('w', [4, 6], 1))), weight('scale', [6], 2), weight('shift', [6], 3))
  const target = builder.input('target', 'float32', ['rows', 3])
  builder.output('loss', ReduceSum(Mul(LogSoftmax(MatMul(hidden, weight('v', [6, 3], 4))), target), undefined, { keepdims: 0 }))
  const backend = onnx({ threads: 2 })
  const feeds = { x: tensor('float32', [2, 4], numbers(8, 5)), target: tensor('float32', [2, 3], Float32Array.of(0, -1, 0, 0, 0, -1)) }
  const worst = await gradientCheck(backend, builder.build(), { of: 'loss', withRespectTo: ['x', 'w', 'scale', 'shift', 'v'], feeds })
  expect(worst.away).toBeLessThan(1e-3)
  await backend.dispose?.()
})
