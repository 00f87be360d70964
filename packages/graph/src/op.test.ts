import { describe, expect, it } from 'vitest'
import { GraphBuilder } from './builder.js'
import { scalar } from './literals.js'
import { defineOp } from './op.js'
import { encodeOnnx } from './onnx/index.js'
import { Mul } from './ops/index.js'
import { lower } from './passes/index.js'
import { run, tensorOf } from './test-support.js'
import { verify } from './verify.js'

/** An op that somebody else brings: in their own file, with a line that tells TypeScript of its attributes. */
const Scaled = defineOp('org.example::Scaled', {
  since: 1,
  inputs: ['X'],
  attributes: { by: { type: 'float', required: true }, times: { type: 'int', default: 1 } },
  infer: ([x]) => ({ dtype: x.dtype, shape: x.shape }),
  decompose: ([x], { by, times }) => Array.from({ length: times }).reduce<typeof x>((scaled) => Mul(scaled, scalar(scaled, by!)), x),
})

describe("a third party's op", () => {
  const builder = new GraphBuilder('test')
  const x = builder.input('x', 'float32', ['batch'])
  builder.output('y', Scaled(x, { by: 3, times: 2 }))
  const graph = builder.build()

  it('comes with the graphs that use it', () => {
    expect([...graph.operators!.values()]).toEqual([Scaled])
    expect(verify(graph)).toBe(graph)
    expect(() => verify({ ...graph, operators: new Map() })).toThrow('org.example::Scaled is unknown')
    expect(encodeOnnx(graph).byteLength).toBeGreaterThan(0)
  })

  it('runs anywhere by its decomposition', async () => {
    const lowered = lower({ name: 'onnx', supports: ({ op }) => !op.startsWith('org.example') }).apply(graph)
    const { y } = await run(lowered, { x: tensorOf('float32', [2], [1, 2]) })
    expect(y!.values).toEqual([9, 18])
  })

  it('needs an input to know its graph', () => {
    expect(() => (Scaled as (...call: unknown[]) => unknown)(undefined, { by: 1 })).toThrow('tell which graph it belongs to')
  })
})
