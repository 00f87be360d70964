import * as node from 'node:test'
import * as vitest from 'vitest'
import { testBackend, type BackendSuite, type TestFramework } from './index.js'

declare const suite: BackendSuite

testBackend({ describe: vitest.describe, it: vitest.it, afterAll: vitest.afterAll }, suite)
testBackend(vitest, suite)
testBackend({ describe: node.describe, it: node.it, after: node.after }, suite)

// As @types/jest 30 declares them.
interface DoneCallback {
  (...args: unknown[]): unknown
  fail(error?: string | { message: string }): unknown
}
type ProvidesCallback = ((done: DoneCallback) => void | undefined) | (() => PromiseLike<unknown>)
type ProvidesHookCallback = (() => unknown) | ProvidesCallback
type EmptyFunction = () => void
type Named = number | string | ((...args: never[]) => unknown) | { readonly name: string }
interface JestIt {
  (name: Named, body?: ProvidesCallback, timeout?: number): void
  skip: JestIt
}
interface JestDescribe {
  (name: Named, body: EmptyFunction): void
  skip: JestDescribe
}
declare const jest: { describe: JestDescribe; it: JestIt; afterAll(body: ProvidesHookCallback, timeout?: number): void }
testBackend(jest, suite)

// Neither skipping nor hooks are needed.
const plain: TestFramework = { describe: (_name, body) => body(), it: (_name, body) => void body() }
testBackend(plain, suite)

// @ts-expect-error -- without `it` there are no tests
testBackend({ describe: vitest.describe }, suite)
