import { testStore } from '@tenon/testing'
import { afterAll, describe, it } from 'vitest'
import { memoryStore } from './memory-store.js'

testStore({ describe, it, afterAll }, { create: () => memoryStore() })
