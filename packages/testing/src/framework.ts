/** What is passed to a test's body is the framework's own: a test can be skipped while it runs where that has a `skip`. */
type Body = (...context: unknown[]) => Promise<void>

/**
 * What the suites need of a test framework: pass what your test file imports, `{ describe, it, afterAll }` of Vitest, Jest or
 * Bun, `{ describe, it, after }` of node:test. None is imported here.
 */
export interface TestFramework {
  describe(name: string, body: () => void): unknown
  readonly it: {
    (name: string, body: Body): unknown
    /** Where a framework has none, what is skipped is a test that passes, and its name says so. */
    skip?(name: string, body: Body): unknown
  }
  /** As Vitest, Jest and Bun call it. */
  afterAll?(body: () => Promise<void>): unknown
  /** As node:test calls it. */
  after?(body: () => Promise<void>): unknown
}

export function freeAfterAll({ afterAll, after }: TestFramework, free: () => void | Promise<void>): void {
  ;(afterAll ?? after)?.(async () => {
    await free()
  })
}

export function skip({ it }: TestFramework, name: string): void {
  ;(it.skip ?? it)(name, async () => {})
}

/** Says of a test that is running that it has nothing to test here. The framework may end it by throwing. */
export function skipNow([context]: readonly unknown[], reason: string): void {
  const { skip } = (context ?? {}) as { skip?: unknown }
  if (typeof skip === 'function') skip.call(context, reason)
}
