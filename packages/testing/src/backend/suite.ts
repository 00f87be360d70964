import { freeAfterAll, type TestFramework } from '../framework.js'
import type { BackendSuite } from './backend-suite.js'
import { declareContract } from './contract.js'
import { declareVectors } from './declare-vectors.js'

/**
 * Declares the tests that every backend passes: the contract in @tenon/core sentence by sentence, and ONNX's own test
 * vectors for every operator, each of which it must run right or refuse.
 * @example
 * testBackend({ describe, it, afterAll }, { create: () => toy(), devices: ['cpu'] })
 */
export function testBackend(framework: TestFramework, suite: BackendSuite): void {
  const backend = suite.create()
  framework.describe(`the contract of a backend: ${backend.name}`, () => {
    freeAfterAll(framework, () => backend.dispose?.())
    declareContract(framework, suite, backend)
    declareVectors(framework, suite, backend)
  })
}
