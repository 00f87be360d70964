import { standardOps } from '@tenon/graph/ops'
import { verify } from '@tenon/graph'
import { describe, expect, it } from 'vitest'
import { expectedOf, feedsOf, graphOf, readVectors } from './vectors.js'

const vectors = readVectors()

describe("ONNX's test vectors", () => {
  it('are there for every operator', () => {
    expect([...standardOps.keys()].filter((op) => !vectors.some((vector) => vector.op === op))).toEqual([])
    expect(vectors.filter(({ op }) => !standardOps.has(op))).toEqual([])
  })

  it('have names of their own', () => {
    expect(new Set(vectors.map(({ name }) => name)).size).toBe(vectors.length)
  })

  it('are valid graphs, of the types that their outputs have', () => {
    const wrong: string[] = []
    for (const vector of vectors) {
      try {
        const graph = verify(graphOf(vector, 'activations'))
        feedsOf(vector, graph)
        expect(graph.outputs.map(({ name, dtype }) => [name, dtype])).toEqual(expectedOf(vector).map(([name, { dtype }]) => [name, dtype]))
      } catch (error) {
        wrong.push(`${vector.name}: ${(error as Error).message}`)
      }
    }
    expect(wrong).toEqual([])
  })
})
