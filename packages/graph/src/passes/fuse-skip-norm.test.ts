import type { Dimension, Graph } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../builder.js'
import type { Value } from '../op.js'
import { Add, Relu, SimplifiedLayerNormalization } from '../ops/index.js'
import { constantOf, difference, noise, run } from '../test-support.js'
import { verify } from '../verify.js'
import { fuseSkipNorm } from './fuse-skip-norm.js'

const HIDDEN = 8

function graphOf(shape: readonly Dimension[], emit: (x: Value, norm: (y: Value) => Value) => readonly Value[]): Graph {
  const builder = new GraphBuilder('test')
  const x = builder.input('x', 'float32', shape)
  const norm = (y: Value) => SimplifiedLayerNormalization(y, builder.constant(constantOf(noise([HIDDEN], 3))), { epsilon: 1e-6 })
  emit(x, norm).forEach((output, index) => builder.output(`y${index}`, output))
  return builder.build()
}

const ops = (graph: Graph) => graph.nodes.map(({ op }) => op.split('::').at(-1))

describe('fusing skip connections with norms', () => {
  it.each<[string, readonly Dimension[], readonly number[]]>([
    ['rows', ['rows', HIDDEN], [5, HIDDEN]],
    ['texts', ['batch', 'sequence', HIDDEN], [2, 3, HIDDEN]],
  ])('sums and norms %s at once, and keeps the sum', async (_, shape, size) => {
    const graph = graphOf(shape, (x, norm) => {
      const sum = Add(x, Relu(x))
      return [norm(sum), Add(sum, norm(sum))]
    })
    const fused = verify(fuseSkipNorm().apply(graph))
    expect(ops(fused)).toEqual(['Relu', 'SkipSimplifiedLayerNormalization', 'SimplifiedLayerNormalization', 'Add'])
    const feeds = { x: noise(size) }
    const [before, after] = [await run(graph, feeds), await run(fused, feeds)]
    for (const name of ['y0', 'y1']) expect(difference(after[name]!.values, before[name]!.values)).toBeLessThan(1e-6)
  })

  it('leaves sums that broadcast', () => {
    const graph = graphOf(['rows', HIDDEN], (x, norm) => [norm(Add(x, x.builder.constant(constantOf(noise([HIDDEN])))))])
    expect(fuseSkipNorm().apply(graph)).toBe(graph)
  })

  it('leaves tensors that the kernel does not take', () => {
    const graph = graphOf(['a', 'b', 'c', HIDDEN], (x, norm) => [norm(Add(x, x))])
    expect(fuseSkipNorm().apply(graph)).toBe(graph)
  })

  it('leaves norms whose scale is computed, which may come after the sum', () => {
    const builder = new GraphBuilder('test')
    const x = builder.input('x', 'float32', ['rows', HIDDEN])
    const sum = Add(x, Relu(x))
    const scale = Relu(builder.input('scale', 'float32', [HIDDEN]))
    builder.output('y', SimplifiedLayerNormalization(sum, scale))
    const graph = builder.build()
    expect(verify(fuseSkipNorm().apply(graph))).toBe(graph)
  })

  it('leaves norms whose scale is of another type than the sum', () => {
    const builder = new GraphBuilder('test')
    const x = builder.input('x', 'float16', ['rows', HIDDEN])
    builder.output('y', SimplifiedLayerNormalization(Add(x, x), builder.constant(constantOf(noise([HIDDEN])))))
    const graph = builder.build()
    expect(verify(fuseSkipNorm().apply(graph))).toBe(graph)
  })
})
