import { testBackend } from '@tenon/testing'
import { afterAll, describe, it } from 'vitest'

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
