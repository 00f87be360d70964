import type { TestFramework } from './framework.js'

export interface Recorded {
  readonly name: string
  readonly outcome: 'passed' | 'failed' | 'skipped'
  readonly message: string
}

/** A test framework that keeps what becomes of each test, named with the groups it stands in. Tests in `without` are left out: some take their time. */
export async function record(declare: (framework: TestFramework) => void, without: readonly string[] = []): Promise<readonly Recorded[]> {
  const groups: string[] = []
  const tests: { name: string; body?: (...context: unknown[]) => Promise<void> }[] = []
  const last: (() => Promise<void>)[] = []
  const named = (name: string) => [...groups.slice(1), name].join(' > ') // the first group is the suite's own
  declare({
    describe(name, body) {
      groups.push(name)
      body()
      groups.pop()
    },
    it: Object.assign((name: string, body: () => Promise<void>) => void tests.push({ name: named(name), body }), { skip: (name: string) => void tests.push({ name: named(name) }) }),
    afterAll: (body) => void last.push(body),
  })
  const recorded: Recorded[] = []
  for (const { name, body } of tests.filter((each) => !without.includes(each.name))) {
    if (body === undefined) {
      recorded.push({ name, outcome: 'skipped', message: '' })
      continue
    }
    let skipped: string | undefined
    const failure = await body({ skip: (reason: string) => void (skipped = reason) }).then(() => undefined, (error: unknown) => error)
    recorded.push({ name, outcome: failure !== undefined ? 'failed' : skipped !== undefined ? 'skipped' : 'passed', message: failure instanceof Error ? failure.message : (skipped ?? String(failure ?? '')) })
  }
  for (const body of last) await body()
  return recorded
}

export const failures = (recorded: readonly Recorded[]): readonly string[] => recorded.filter(({ outcome }) => outcome === 'failed').map(({ name }) => name)
