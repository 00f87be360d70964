import { after, describe, it } from 'node:test'
import { testBackend } from './index.js'
import { toy } from './test-toy-backend.js'

// What a user of node:test writes; bundled and started by framework.test.ts.
testBackend({ describe, it, after }, { create: () => toy(), ops: ['Sub', 'Trilu'] })
testBackend({ describe, it, after }, { create: () => toy('has no reason'), missing: () => toy('has no reason', false), ops: [] })
