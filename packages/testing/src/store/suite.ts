import type { Collection, Store } from '@tenon/core'
import type { TestFramework } from '../framework.js'
import { lastingStoreCases, storeCases, testEmbedder } from './cases.js'

export interface StoreSuite {
  /** A store at a place where nothing is yet; called for each test. */
  create(): Store | Promise<Store>
  /** Whether what it holds outlives the process. Default false. */
  readonly lasting?: boolean
}

/**
 * Declares the tests that every store passes: what it gives back, finds, filters, refuses and keeps, compared with a
 * reference of sixty plain lines over random documents, changes and questions.
 * @example
 * testStore({ describe, it, afterAll }, { create: () => fileStore(join(root, randomUUID())), lasting: true })
 */
export function testStore({ describe, it }: TestFramework, { create, lasting = false }: StoreSuite): void {
  describe('the contract of a store', () => {
    for (const { name, check } of lasting ? [...storeCases, ...lastingStoreCases] : storeCases) {
      it(name, async () => {
        const store = await create()
        const opened: Collection[] = []
        try {
          await check(async (embedder = testEmbedder) => {
            const collection = await store.open(embedder)
            opened.push(collection)
            return collection
          })
        } finally {
          for (const collection of opened) await collection.close()
        }
      })
    }
  })
}
