import { tensor } from '@tenon/core'
import { GraphBuilder, integers, scalar } from '@tenon/graph'
import { Div, LayerNormalization, ReduceL2, Sub } from '@tenon/graph/ops'
import { testBackend } from '@tenon/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { pluginFunction } from './index.js'

// The contract of a backend, sentence by sentence, and ONNX's own test vectors: each is computed right, or refused.
testBackend({ describe, it, afterAll }, { create: () => pluginFunction(), devices: ['cpu'] })

describe('what has no kernel', () => {
  it('runs all the same, in kernels that there are', async () => {
    const builder = new GraphBuilder('normalised')
    const x = builder.input('x', 'float32', ['batch', 3])
    const centred = LayerNormalization(Sub(x, scalar(x, 5)), scalar(x, 1))
    builder.output('y', Div(centred, ReduceL2(centred, integers(x, [-1]))))
    await using executable = await pluginFunction().compile(builder.build(), undefined as never, { emit: () => undefined })
    const { y } = await executable.run({ x: tensor('float32', [2, 3], Float32Array.of(1, 2, 3, 40, 60, 80)) })
    for (const [index, value] of (await y!.data()).entries()) expect(Number(value)).toBeCloseTo([-Math.SQRT1_2, 0, Math.SQRT1_2][index % 3]!, 5)
  })
})
