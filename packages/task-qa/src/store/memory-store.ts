import type { Store } from '@tenon/core'
import { createCollection } from './collection.js'
import { stateOf } from './state.js'

/** Passages in memory: gone when the knowledge base is disposed of. Each opening is a collection of its own, and empty. */
export function memoryStore(): Store {
  return {
    kind: 'store',
    version: 'v1',
    name: 'memory',
    open: async ({ dimensions }) => createCollection(dimensions, stateOf([], new Map(), 0)),
  }
}
