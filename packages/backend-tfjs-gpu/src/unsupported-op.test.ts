import { createRuntime, inlineConstant, type Task } from '@tenon/core'
import { onnx } from '@tenon/backend-onnx'
import { GraphBuilder } from '@tenon/graph'
import { Conv } from '@tenon/graph/ops'
import { expect, it } from 'vitest'
import { tfjs } from './index.js'

/** A convolution over volumes, for which TensorFlow.js has kernels on some devices only, and none are used here. */
function volumes() {
  const builder = new GraphBuilder('volumes')
  const x = builder.input('x', 'float32', [1, 1, 2, 2, 2])
  builder.output('y', Conv(x, builder.constant(inlineConstant('float32', [1, 1, 1, 1, 1], Float32Array.of(2)), 'w')))
  return builder.build()
}

const compiling = (): Task<'compiling', object, () => Promise<string[]>> => ({
  kind: 'task',
  version: 'v1',
  name: 'compiling',
  async create(context) {
    const executable = await context.compile(volumes())
    return async () => executable.outputs.map(({ name }) => name)
  },
})

it('names the op, the node and the backend that could run it', async () => {
  await using runtime = createRuntime({ plugins: [onnx({ threads: 1 }), tfjs({ devices: ['wasm', 'cpu'] }), compiling()] })
  await expect(runtime.task('compiling', { model: 'none', backend: 'tfjs' })).rejects.toMatchObject({
    code: 'TENON_UNSUPPORTED_OP',
    op: 'Conv',
    node: 'y',
    message: expect.stringContaining("The backend 'tfjs' cannot run Conv (the node that makes 'y')"),
    remedy: expect.stringContaining("Choose 'onnx' for this task"),
  })
  await using names = await runtime.task('compiling', { model: 'none', backend: ['tfjs', 'onnx'] })
  expect(await names()).toEqual(['y'])
})

it('says where no other backend can', async () => {
  await using runtime = createRuntime({ plugins: [tfjs({ devices: ['wasm', 'cpu'] }), compiling()] })
  await expect(runtime.task('compiling', { model: 'none' })).rejects.toMatchObject({ remedy: expect.stringContaining('No other backend that was passed can run it') })
})
