import { inlineConstant } from '@tenon/core'
import { GraphBuilder } from '@tenon/graph'
import { Add, Mul } from '@tenon/graph/ops'

/** A chain of nodes that compute next to nothing: what a run takes is what nodes cost. */
export function manyOps(count) {
  const builder = new GraphBuilder('many ops')
  let x = builder.input('x', 'float32', [8])
  for (let index = 0; index < count; index++) {
    const constant = builder.constant(inlineConstant('float32', [8], new Float32Array(8).fill(1 + index / count / 1000)), `c${index}`)
    x = index % 2 === 0 ? Add(x, constant) : Mul(x, constant)
  }
  builder.output('y', x)
  return builder.build()
}
