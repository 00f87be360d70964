import { createRequire } from 'node:module'
import type { Checkpoint } from '@tenon/core'
import type { Decoder, Generation } from '@tenon/generation'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type * as treeSitter from 'web-tree-sitter'
import { createGenerator } from './generator.js'
import { byteLevelTokenizer, qwenTokens } from './test-support.js'

const { Parser, Tree } = createRequire(import.meta.url)('web-tree-sitter') as typeof treeSitter

/** Counts syntax trees, whose memory is WebAssembly's: nothing frees it but `delete`. */
function trees(): { live(): number } {
  const [parse, copy, free] = [vi.spyOn(Parser.prototype, 'parse'), vi.spyOn(Tree.prototype, 'copy'), vi.spyOn(Tree.prototype, 'delete')]
  return { live: () => parse.mock.results.filter(({ value }) => value !== null).length + copy.mock.calls.length - free.mock.calls.length }
}

async function generatorOf(generate: Decoder['generate']) {
  const tokenizer = await byteLevelTokenizer(qwenTokens)
  return createGenerator({
    checkpoint: { reference: 'a model', json: async () => undefined } as Partial<Checkpoint> as Checkpoint,
    tokenizer, contextLength: 512, vocabularySize: tokenizer.vocabularySize, endTokens: [], score: () => Promise.reject(new Error('not asked for')), generate,
  })
}

const long = 'const a = 1\n'.repeat(600)

describe('a completion that fails', () => {
  afterEach(() => void vi.restoreAllMocks())

  it('leaves no syntax tree behind where its prompt is refused', async () => {
    const complete = await generatorOf(() => Promise.reject(new Error('not asked for')) as never)
    const refused = () => complete({ prefix: long, path: 'a.ts' }, { truncate: false }).result
    await expect(refused()).rejects.toMatchObject({ code: 'TENON_INVALID_INPUT' }) // one tree stays for the next of its language
    const counted = trees()
    for (let time = 0; time < 3; time++) await expect(refused()).rejects.toMatchObject({ code: 'TENON_INVALID_INPUT' })
    expect(counted.live()).toBe(0)
  })

  it('leaves none where another candidate is asked about its text afterwards', async () => {
    let until: ((text: string) => unknown) | undefined
    const complete = await generatorOf((request) => {
      until ??= request.until
      const result = Promise.reject(new Error('failed'))
      result.catch(() => undefined)
      return { result } as Partial<Generation> as Generation
    })
    const failing = () => complete({ prefix: 'const a = ', path: 'a.ts' }, { candidates: 2, healing: false }).result
    await expect(failing()).rejects.toThrow('failed')
    until = undefined
    const counted = trees()
    await expect(failing()).rejects.toThrow('failed')
    until!('1\nconst b = 2\n')
    expect(counted.live()).toBe(0)
  })
})
