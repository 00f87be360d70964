import { fileURLToPath } from 'node:url'
import { onnx } from '@tenon/backend-onnx'
import { openFolder } from '@tenon/checkpoint'
import type { Checkpoint, Executable, Graph, TaskContext } from '@tenon/core'
import { llama } from '@tenon/models/llama'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openDecoder, type DecoderOptions } from './open-decoder.js'
import { readFixture, tokenizer } from './test-llama.js'

/** What one position of the tiny llama takes: keys and values of two layers of two heads of 16. */
const EACH = 2 * 2 * 2 * 16 * 4

/** A decoder of the tiny llama, whose files say that it reads this much; and the graphs that were compiled. */
async function opened(positions: number, options: DecoderOptions = {}) {
  const folder = await openFolder(fileURLToPath(new URL('../../../models/fixtures/llama/base', import.meta.url)))
  const checkpoint: Checkpoint = { ...folder, config: { ...folder.config, max_position_embeddings: positions }, json: (file) => folder.json(file), path: (file) => folder.path(file), tokenizer: async () => tokenizer, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() }
  const family = llama()
  const graphs = await family.build(checkpoint, { head: 'causal-lm' })
  const backend = onnx()
  const compiled: Graph[] = []
  const freed: (() => unknown)[] = []
  onTestFinished(async () => {
    for (const free of freed.reverse()) await free()
    await folder[Symbol.asyncDispose]()
    await backend.dispose?.()
  })
  const context: TaskContext = {
    emit: () => undefined,
    open: async () => ({ checkpoint, graphs, maxLength: family.maxLength!(checkpoint) }),
    async compile(graph): Promise<Executable> {
      compiled.push(graph)
      const executable = await backend.compile(graph, {}, { emit: () => undefined })
      freed.push(() => executable[Symbol.asyncDispose]())
      return executable
    },
    task: () => Promise.reject(new Error('none')),
    with: () => context,
    defer: (free) => void freed.push(free),
  }
  return { decoder: await openDecoder(context, { where: 'a test', ...options }), compiled, graphs }
}

const rows = ({ constants }: Graph) => constants.get('rotary.cosines')!.shape[0]

describe('a model that reads millions of tokens', () => {
  const LONG = 8 * 2 ** 20
  /** As many positions of heads of 16 as tables are left whole for. */
  const WHOLE = 2 ** 20

  it('has no longer tables than its cache has room for, and says the same', async () => {
    const { decoder, compiled } = await opened(LONG, { cacheBytes: 1000 * EACH })
    expect(decoder.contextLength).toBe(1000)
    expect(compiled.map(rows)).toEqual([WHOLE])
    const greedy = await readFixture<{ readonly texts: readonly { readonly prompt: readonly number[]; readonly continuation: readonly number[] }[] }>('models/fixtures/llama/base/greedy.json')
    const { prompt, continuation } = greedy.texts[1]!
    expect((await decoder.generate({ prompt, maxNewTokens: 30, endTokens: [] }).result).tokens).toEqual(continuation.slice(0, 30))
  })

  it('has longer ones where there is memory for them, or fewer where it is told to read no more', async () => {
    expect((await opened(LONG, { cacheBytes: 1.5 * WHOLE * EACH })).compiled.map(rows)).toEqual([1.5 * WHOLE])
    const { decoder, compiled } = await opened(LONG, { cacheBytes: 2 * WHOLE * EACH, contextLength: 1.25 * WHOLE })
    expect([decoder.contextLength, ...compiled.map(rows)]).toEqual([1.25 * WHOLE, 1.25 * WHOLE])
  })

  it('refuses a longer prompt, and says what to do', async () => {
    const { decoder } = await opened(LONG, { cacheBytes: 300 * EACH })
    const prompt = Array.from({ length: 301 }, (_, index) => 3 + (index % 20))
    expect(() => decoder.generate({ prompt })).toThrow('The prompt has 301 tokens, and the context holds 300. Cut it, or open the decoder with a greater contextLength or cacheBytes')
    expect((await decoder.generate({ prompt: prompt.slice(1, -1), endTokens: [] }).result).finishReason).toBe('length')
    const { decoder: asked } = await opened(LONG, { cacheBytes: 300 * EACH, contextLength: 4096 })
    expect(() => asked.generate({ prompt })).toThrow(/needs a cache of 302 positions, and \d+ bytes hold 256. Open the decoder with a greater cacheBytes/)
  })
})

it('of a model that reads less, the tables are as they are, and the graph is the same one', async () => {
  const { compiled, graphs } = await opened(4096, { cacheBytes: 300 * EACH })
  expect(compiled).toEqual([graphs['decoder']])
  expect(compiled[0]).toBe(graphs['decoder'])
})
