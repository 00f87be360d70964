import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bundled, startNode } from './test-process.js'

/** 100,000 in a release; the suite takes enough to see that the test works. */
const count = Number(process.env['TENON_MUTATIONS'] ?? 200)
const minutes = Math.max(1, count / 1000)

/** Bytes that a process that does nothing else may hold at its peak: Node itself takes 60 to 100 MB of them. */
const memoryLimit = 400 * 2 ** 20

interface Outcome {
  readonly opened: number
  readonly codes: Readonly<Record<string, number>>
  readonly faults: readonly unknown[]
  readonly slowest: { readonly milliseconds: number; readonly seed: number }
  readonly peak: number
  /** What came of each of the first thousand, a letter each. */
  readonly outcomes: string
}

let script: string

beforeAll(async () => {
  script = await bundled(new URL('test-mutation-process.ts', import.meta.url), await mkdtemp(join(import.meta.dirname, '../node_modules/.bundle-')))
})
afterAll(() => rm(dirname(script), { recursive: true }))

async function mutate(target: string, files: number, first = 0): Promise<Outcome> {
  const state = `${script}.${target}.${first}.${files}`
  const { output } = startNode([], script, { TARGET: target, COUNT: String(files), FIRST: String(first), STATE: state })
  return JSON.parse(
    await output.catch(async (error: Error) => {
      throw new Error(`the process ended at seed ${(await readFile(state, 'utf8')).trim()} of '${target}': ${error.message}`)
    }),
  ) as Outcome
}

describe(`${count} damaged files`, () => {
  it.each(['safetensors', 'index', 'config', 'tokenizer', 'gguf'])('of the kind %s are opened, or refused with a code, within time and memory', { timeout: minutes * 60_000 }, async (target) => {
    const { opened, codes, faults, slowest, peak } = await mutate(target, count)
    if (count >= 10_000) process.stdout.write(`${target}: ${JSON.stringify({ opened, codes, slowest, peak })}\n`)
    expect(faults).toEqual([])
    expect(opened).toBeGreaterThan(0)
    expect(opened + Object.values(codes).reduce((sum, each) => sum + each, 0)).toBe(count)
    expect(opened).toBeLessThan(count)
    expect(slowest.milliseconds, `seed ${slowest.seed}`).toBeLessThan(5000)
    expect(peak).toBeLessThan(memoryLimit)
  })

  it('are the same every time, whatever came before them', { timeout: 60_000 }, async () => {
    const [both, first, second] = await Promise.all([mutate('index', 60), mutate('index', 30), mutate('index', 30, 30)])
    expect(both.opened).toBe(first.opened + second.opened)
    expect(both.outcomes).toBe(first.outcomes + second.outcomes)
  })
})
