import { readFileSync } from 'node:fs'
import { tensor } from '@tenon/core'
import { GraphBuilder, verify } from '@tenon/graph'
import { lower } from '@tenon/graph/passes'
import { afterAll, describe, expect, it } from 'vitest'
import { activation } from './activations.js'
import { backend } from './test-conformance.js'
import { apart, checkpointOf, compile, run, tolerance } from './test-support.js'
import { Weights } from './weights.js'

interface Numbers {
  readonly shape: readonly number[]
  readonly data: readonly number[]
}

/** What `transformers` makes of `x`. */
const { x, activations } = JSON.parse(readFileSync(new URL('../fixtures/activations.json', import.meta.url), 'utf8')) as { readonly x: Numbers; readonly activations: Readonly<Record<string, Numbers>> }

const standard = lower({ name: 'standard operators only', supports: ({ op }) => !op.includes('::') })

function graphOf(name: string) {
  const builder = new GraphBuilder('test')
  const input = builder.input('x', 'float32', ['count'])
  builder.output('y', activation(new Weights(builder, checkpointOf({})), name, input))
  return verify(builder.build())
}

afterAll(() => backend.dispose?.())

describe('the activation', () => {
  it.each(Object.keys(activations))("'%s' is that of transformers, near nought and far from it", async (name) => {
    const graph = graphOf(name)
    for (const each of [graph, verify(standard.apply(graph))]) {
      const made = await run(await compile(backend, each), { x: tensor('float32', x.shape, Float32Array.from(x.data)) })
      expect(apart(made, { y: activations[name]! })).toBeLessThan(tolerance.float32)
    }
  })

  it('is refused where its name is not known, with the names that are', () => {
    expect(() => graphOf('xielu')).toThrow(`names the activation 'xielu'. Known are: ${Object.keys(activations).join(', ')}`)
  })
})
