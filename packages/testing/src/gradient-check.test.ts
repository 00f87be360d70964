import { inlineConstant, tensor, type Graph } from '@tenon/core'
import { defineOp, GraphBuilder, type Value } from '@tenon/graph'
import { Exp, Mul, Sub } from '@tenon/graph/ops'
import { describe, expect, it } from 'vitest'
import { gradientCheck } from './gradient-check.js'
import { toy } from './test-toy-backend.js'

/** An operator of one's own, with a rule that may be wrong. */
const cubeWith = (factor: number) =>
  defineOp('test.tenon::Cube', {
    since: 1,
    inputs: ['X'],
    infer: ([x]) => ({ dtype: x.dtype, shape: x.shape }),
    decompose: ([x]) => Mul(Mul(x, x), x),
    gradient: ({ inputs: [x], gradients: [upward] }) => [() => Mul(Mul(upward!, Mul(x, x)), x.builder.constant(inlineConstant('float32', [], Float32Array.of(factor))))],
  })

/** loss = make(x) · w − w, of single numbers. */
function lossOf(make: (x: Value) => Value): Graph {
  const builder = new GraphBuilder('loss')
  const w = builder.constant(inlineConstant('float32', [], Float32Array.of(0.7)), 'w')
  builder.output('loss', Sub(Mul(make(builder.input('x', 'float32', [])), w), w))
  return builder.build()
}

const feeds = { x: tensor('float32', [], Float32Array.of(1.25)) }
const check = (graph: Graph) => gradientCheck(toy(), graph, { of: 'loss', withRespectTo: ['x', 'w'], feeds })

describe('gradientCheck', () => {
  it('passes rules that are right, of inputs and of weights, and tells how far they were', async () => {
    const worst = await check(lossOf(cubeWith(3)))
    expect(worst.away).toBeLessThan(1e-3)
    expect(worst.away).toBeGreaterThan(0)
    await expect(check(lossOf((x) => Exp(Mul(x, x))))).resolves.toMatchObject({ away: expect.any(Number) })
  })

  it('says where a rule is wrong, and by how much', async () => {
    await expect(check(lossOf(cubeWith(2)))).rejects.toThrow(/^gradient\.x is 2\.18\d* at element 0, where 'loss' varies by 3\.28\d*\. The contract: /)
  })
})
