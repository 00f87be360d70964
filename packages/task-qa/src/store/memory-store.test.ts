import { describe, expect, it } from 'vitest'
import { storeCases, testEmbedder } from '../testing/store-cases.js'
import { memoryStore } from './memory-store.js'

describe('the memory store', () => {
  it.each(storeCases)('$name', ({ check }) => expect(check((embedder = testEmbedder) => memoryStore().open(embedder))).resolves.toBeUndefined())
})
