import type { Graph } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../builder.js'
import { constantOf, noise } from '../test-support.js'
import { Add, Neg, Relu } from '../ops/index.js'
import { verify } from '../verify.js'
import { removeDeadCode } from './index.js'

/** y = relu(x) + w, and the names of nodes and constants that nothing needs. */
function example(...dead: readonly ['node' | 'constant', string][]): Graph {
  const builder = new GraphBuilder('example')
  const x = builder.input('x', 'float32', ['batch', 4])
  builder.input('unused', 'float32', [1])
  builder.output('y', Add(Relu(x), builder.constant(constantOf(noise([4])), 'w')))
  const graph = builder.build()
  return {
    ...graph,
    nodes: [...graph.nodes, ...dead.flatMap(([kind, name]) => (kind === 'node' ? [{ op: 'Neg', inputs: ['y'], outputs: [name], attributes: {} }, { op: 'Abs', inputs: [name], outputs: [`${name}/next`], attributes: {} }] : []))],
    constants: new Map([...graph.constants, ...dead.flatMap(([kind, name]) => (kind === 'constant' ? [[name, constantOf(noise([2]))] as const] : []))]),
  }
}

describe('removeDeadCode', () => {
  it('takes out nodes and constants that no output depends on, and keeps inputs', () => {
    const graph = verify(example(['node', 'a'], ['constant', 'b']))
    const cleaned = verify(removeDeadCode().apply(graph))
    expect(cleaned.nodes.map(({ op }) => op)).toEqual(['Relu', 'Add'])
    expect([...cleaned.constants.keys()]).toEqual(['w'])
    expect(cleaned.inputs).toBe(graph.inputs)
  })

  it('keeps a node of which one output is needed, and constants that are outputs', () => {
    const builder = new GraphBuilder('example')
    const x = builder.input('x', 'float32', [4])
    const constant = builder.constant(constantOf(noise([2])), 'c')
    builder.output('c', constant)
    builder.output('y', Neg(x))
    const graph = builder.build()
    expect(removeDeadCode().apply(graph)).toBe(graph)
  })

  it('gives the same graph back when nothing is dead', () => {
    const graph = example()
    expect(removeDeadCode().apply(graph)).toBe(graph)
    const once = removeDeadCode().apply(example(['node', 'a']))
    expect(removeDeadCode().apply(once)).toBe(once)
  })
})
