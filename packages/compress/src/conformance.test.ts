import { tensor } from '@tenon/core'
import { onnx } from '@tenon/backend-onnx'
import { Add, Gemm, MatMul, Relu } from '@tenon/graph/ops'
import { testCompressor } from '@tenon/testing'
import { afterAll, describe, it } from 'vitest'
import { dynamicInt8, weightOnly } from './index.js'
import { graphOf, normal, weight } from './test-support.js'

const feeds = { x: tensor('float32', [5, 128], normal([5, 128])) }

testCompressor({ describe, it, afterAll }, {
  create: () => dynamicInt8(),
  backend: () => onnx({ threads: 2 }),
  cases: [
    { name: 'a linear layer', graph: graphOf(['rows', 128], (x) => MatMul(x, x.builder.constant(weight([128, 96]), 'w'))), feeds, tolerance: 0.02 },
    {
      name: 'two layers, one of which is stored [out, in], beside each other',
      graph: graphOf(['rows', 128], (x) => Add(Relu(Gemm(x, x.builder.constant(weight([96, 128]), 'w'), x.builder.constant(weight([96]), 'bias'), { transB: 1 })), MatMul(x, x.builder.constant(weight([128, 96]), 'v')))),
      feeds,
      options: { outlierGuard: false },
      tolerance: 0.03,
    },
  ],
})

testCompressor({ describe, it, afterAll }, {
  create: () => weightOnly(),
  backend: () => onnx({ threads: 2 }),
  cases: [
    { name: 'a head', graph: graphOf(['rows', 128], (x) => MatMul(x, x.builder.constant(weight([128, 96]), 'w'))), feeds, tolerance: 0.02 },
    {
      name: 'a layer in 4 bits under a head in 16',
      graph: graphOf(['rows', 128], (x) => {
        const inner = Relu(Gemm(x, x.builder.constant(weight([96, 128]), 'w'), x.builder.constant(weight([96]), 'bias'), { transB: 1 }))
        return Gemm(inner, x.builder.constant(weight([128, 96], normal([128, 96], 3)), 'head'), undefined, { transB: 1 })
      }),
      feeds,
      options: { blockSize: 64, head: { bits: 16 } },
      tolerance: 0.1,
    },
  ],
})
