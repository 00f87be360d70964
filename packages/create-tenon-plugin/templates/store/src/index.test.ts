import { testStore } from '@tenon/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { pluginFunction } from './index.js'

// What a store gives back, finds, filters and refuses, compared with a plain reference over random documents and questions.
testStore({ describe, it, afterAll }, { create: () => pluginFunction() })

describe('a collection', () => {
  it('is one of its own each time, and empty', async () => {
    const store = pluginFunction()
    const [one, other] = [await store.open({ dimensions: 2, sample: async () => Float32Array.of(1, 0) }), await store.open({ dimensions: 2, sample: async () => Float32Array.of(1, 0) })]
    await one.write({ put: [{ key: 'a', source: 'a.md', revision: '1', metadata: {}, passages: [] }] })
    expect([one.size.documents, other.size.documents]).toEqual([1, 0])
  })
})
