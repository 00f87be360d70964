import { readFile } from 'node:fs/promises'
import type { Checkpoint } from '@tenon/core'
import { afterAll, describe, expect, it } from 'vitest'
import { decoders } from './index.js'
import { Decoding, rowsApart } from './test-decoding.js'
import { backend } from './test-conformance.js'
import { compile, open, tolerance } from './test-support.js'

afterAll(() => backend.dispose?.())

const folder = (name: string) => new URL(`../fixtures/long/${name}/`, import.meta.url)
const VOCABULARY = 96
const CHUNK = 512

interface Expected {
  readonly length: number
  readonly positions: readonly number[]
  readonly logits: { readonly shape: readonly number[]; readonly data: readonly number[] }
}

const expectedOf = async (name: string): Promise<Expected> => JSON.parse(await readFile(new URL('expected.json', folder(name)), 'utf8'))

/** The ids of tools/fixtures/decoders.py: a linear congruential generator with the constants of Numerical Recipes. */
function scrambledIds(count: number): readonly number[] {
  let state = 1
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state >>> 16) % VOCABULARY
  })
}

/** How far the logits at the last positions are from PyTorch's, after all the text before them was read in chunks. */
async function apart(checkpoint: Checkpoint, { length, positions, logits }: Expected): Promise<number> {
  const family = decoders().find(({ name }) => name === checkpoint.config.model_type)!
  const decoding = new Decoding(await compile(backend, (await family.build(checkpoint, { head: 'causal-lm' }))['decoder']!), 1, length)
  const ids = scrambledIds(length)
  const rows: Float32Array[] = []
  for (let start = 0; start < length; start += CHUNK) {
    const scored = positions.filter((position) => position >= start && position < start + CHUNK).map((position) => position - start)
    const read = await decoding.read(0, ids.slice(start, start + CHUNK), scored.length > 0 ? scored : [0])
    if (scored.length > 0) rows.push(...read)
  }
  return rowsApart(rows, positions.map((_, index) => logits.data.slice(index * VOCABULARY, (index + 1) * VOCABULARY)))
}

const opened = (name: string) => open(folder(name).pathname)

/** Attention over all of the text, and over a window of it. TENON_SOAK=1 reads qwen2's too, whose positions YaRN stretches: its angles are compared in rotary.test.ts. */
const families = process.env['TENON_SOAK'] === '1' ? ['llama', 'qwen2', 'mistral'] : ['llama', 'mistral']

describe('a text of 32,768 tokens', () => {
  it.each(families)('gets the logits of PyTorch at its end: %s', { timeout: 120_000 }, async (name) => {
    const [checkpoint, expected] = [await opened(name), await expectedOf(name)]
    expect(expected.length).toBe(32_768)
    expect(await apart(checkpoint, expected)).toBeLessThan(tolerance.float32)
  })
})
