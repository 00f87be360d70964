import { AbortedError, InvalidInputError, InvalidOptionError, type Checkpoint, type Tokenizer } from '@tenon/core'
import { TextStream, type Decoder, type GenerationPiece, type GenerationRequest, type GenerationResult } from '@tenon/generation'
import { describe, expect, it } from 'vitest'
import { createGenerator } from './generator.js'
import type { CompletionInput, CompletionOptions } from './options.js'
import { byteLevelTokenizer, qwenTokens, spell } from './test-support.js'

interface Fake extends Decoder {
  readonly requests: GenerationRequest[]
  /** The prompts, in words. */
  readonly prompts: string[]
  /** Tokens that were generated. */
  steps: number
}

/** A decoder that writes a text as its tokenizer has it, as far as the processors let it, and then ends. */
function writing(tokenizer: Tokenizer, write: (prompt: string, request: GenerationRequest) => string, { contextLength = 2048 } = {}): Fake {
  const end = tokenizer.idOf('<|endoftext|>')!
  const fake: Fake = {
    requests: [],
    prompts: [],
    steps: 0,
    checkpoint: { reference: 'a model', json: async () => undefined } as Partial<Checkpoint> as Checkpoint,
    tokenizer,
    contextLength,
    vocabularySize: tokenizer.vocabularySize,
    endTokens: [end],
    score: () => Promise.reject(new Error('not asked for')),
    generate(request) {
      fake.requests.push(request)
      const pieces: GenerationPiece[] = []
      const made = (async (): Promise<GenerationResult> => {
        const prompt = await spell(tokenizer, request.prompt)
        fake.prompts.push(prompt)
        const { ids } = await tokenizer.encode(write(prompt, request), { specialTokens: 'text' })
        const stream = new TextStream(tokenizer)
        const tokens: number[] = []
        const result = (finishReason: GenerationResult['finishReason'], text: string): GenerationResult => ({ text, tokens, logprob: -tokens.length / 2, finishReason, stats: { promptTokens: request.prompt.length, cachedTokens: 0, generatedTokens: tokens.length, timeToFirstToken: 1, prefillMilliseconds: 1, decodeMilliseconds: 2, tokensPerSecond: 500, draftedTokens: 0, acceptedTokens: 0 } })
        for (const id of [...ids, end]) {
          await new Promise<void>((resolve) => setImmediate(resolve))
          if (request.signal?.aborted) throw new AbortedError(request.signal.reason)
          if (tokens.length === request.maxNewTokens) return result('length', stream.text)
          const logits = new Float32Array(tokenizer.vocabularySize)
          logits[id] = 1
          for (const process of request.processors ?? []) process(logits, { tokens: [...request.prompt, ...tokens], promptLength: request.prompt.length })
          const token = logits.indexOf(Math.max(...logits))
          fake.steps++
          tokens.push(token)
          if (token === end) return result('end-token', stream.text)
          const text = stream.push(token)
          const cut = request.until?.(stream.text)
          pieces.push({ text, tokens: [token] })
          if (cut !== undefined) return result('until', stream.text.slice(0, cut))
        }
        return result('length', stream.text) // the processors did not let it end
      })()
      made.catch(() => undefined)
      return {
        result: made,
        async *[Symbol.asyncIterator]() {
          await made
          yield* pieces
        },
      }
    },
  }
  return fake
}

const qwen = await byteLevelTokenizer(qwenTokens)

async function completing(text: string | ((prompt: string, request: GenerationRequest) => string), options: { contextLength?: number } = {}) {
  const decoder = writing(qwen, typeof text === 'string' ? () => text : text, options)
  const complete = await createGenerator(decoder)
  return {
    decoder,
    complete,
    /** The result, after it was seen that the pieces are its text. */
    async ask(input: CompletionInput, call?: CompletionOptions) {
      const completion = complete(input, call)
      let streamed = ''
      for await (const piece of completion) streamed += piece
      const result = await completion.result
      expect(streamed).toBe(result.text)
      return result
    },
  }
}

const python = { path: 'a.py', prefix: 'def f(total):\n    ', suffix: '\n\nprint(f(1))\n' }

describe('a completion', () => {
  it('is streamed, ends where the statement does, and is what is to be written', async () => {
    const { ask, decoder } = await completing('return total + 1\n\ndef g():\n    pass\n')
    const { text, finishReason, candidates, stats, context } = await ask(python, { scope: 'statement' })
    expect({ text, finishReason }).toEqual({ text: 'return total + 1', finishReason: 'scope' })
    expect(candidates).toEqual([{ text, finishReason }])
    expect(context).toMatchObject({ infill: true, prefixStart: 0, suffixEnd: python.suffix.length, files: [] })
    expect(stats.generatedTokens).toBe(decoder.steps)
    expect(decoder.prompts).toEqual(['<|fim_prefix|>def f(total):\n    <|fim_suffix|>\n\nprint(f(1))\n<|fim_middle|>'])
    expect(decoder.steps).toBeLessThan(14)
  })

  it('ends at the tokens that are no code', async () => {
    const { ask, decoder } = await completing('return')
    await ask(python)
    expect(decoder.requests[0]!.stopTokens!.map((id) => qwen.tokenOf(id)).toSorted()).toEqual(qwenTokens.slice(1).toSorted())
  })

  it('tells why it ended', async () => {
    const { ask } = await completing('total = total + 1; total = 2\n')
    const reason = async (call: CompletionOptions) => {
      const { text, finishReason } = await ask({ prefix: '' }, call)
      return [finishReason, text]
    }
    expect(await reason({ stop: ['; total'], scope: 'line' })).toEqual(['stop-string', 'total = total + 1'])
    expect(await reason({ maxNewTokens: 3 })).toEqual(['length', 'tot'])
    expect(await reason({ scope: 'line' })).toEqual(['scope', 'total = total + 1; total = 2'])
    const { ask: short } = await completing('total')
    expect(await short({ prefix: '' })).toMatchObject({ finishReason: 'end-token', text: 'total' })
  })

  it('closes the body it was to write, wherever that is cut off, unless the caller had it end there', async () => {
    const { ask } = await completing('\n  total(result)\n  return result\n}\n\nnext()\n')
    const text = async (call: CompletionOptions) => (await ask({ path: 'a.js', prefix: 'function f(result) {' }, { healing: false, ...call })).text
    expect(await text({})).toBe('\n  total(result)\n  return result\n}')
    expect(await text({ maxNewTokens: 8 })).toMatch(/^\n  total?\(?[a-z]*\)?\n\}$/)
    expect(await text({ maxNewTokens: 1, scope: 'function' })).toBe('')
    expect(await text({ stop: ['\n  return'] })).toBe('\n  total(result)')
  })

  it('is streamed as it ends, though spaces become tabs', async () => {
    const { ask } = await completing('total()\n    add(() => {\n      return result\n    })\n  })\n}\n')
    const { text } = await ask({ path: 'a.js', prefix: 'function f() {\n\treturn print(() => {\n\t\t' })
    expect(text).toBe('total()\n\t\tadd(() => {\n\t\t\treturn result\n\t\t})\n\t})')
  })

  it('does not write once more what stands behind the cursor', async () => {
    const { ask, decoder } = await completing('total = 1\n    total = add(total)\n    return total\n')
    const { text } = await ask({ path: 'a.py', prefix: 'def f():\n    ', suffix: '\n    total = add(total)\n    return total\n' }, { scope: 'block' })
    expect(text).toBe('total = 1')
    expect(decoder.steps).toBeLessThan(40)
  })

  it('goes on with a word that the cursor is in', async () => {
    const { ask, decoder } = await completing(' return total\n')
    for (const suffix of ['', '\nprint(1)\n']) {
      const { text } = await ask({ prefix: 'def f(total):\n    retu', suffix }, { scope: 'line' })
      expect(text).toBe('rn total')
    }
    expect(decoder.prompts).toEqual(['def f(total):\n   ', '<|fim_prefix|>def f(total):\n   <|fim_suffix|>\nprint(1)\n<|fim_middle|>'])
    expect(decoder.requests[0]!.maxNewTokens).toBe(136)
  })

  it.each([
    ['    return total', 1, 'return'],
    ['    return total', 2, 'return total'],
    ['    😀😀', 3, ''],
    ['    😀😀', 4, '😀'],
    ['    😀😀', 7, '😀'],
  ])('has as many new tokens as are asked for: what is written once more of the prefix does not count (%j, %i)', async (written, maxNewTokens, expected) => {
    const { ask } = await completing(written)
    const { text, finishReason, stats } = await ask({ prefix: 'def f(total):\n    ' }, { maxNewTokens, scope: 'line' })
    expect({ text, finishReason, tokens: stats.generatedTokens }).toEqual({ text: expected, finishReason: 'length', tokens: maxNewTokens })
  })

  it('begins with what stands before the cursor, though the model would rather write something else', async () => {
    const { ask } = await completing(' import total\n')
    const { text } = await ask({ prefix: 'x = retu' }, { scope: 'line' })
    expect(`retu${text}`).toMatch(/^retu/)
    const { ask: plainly, decoder } = await completing('rn total\n')
    expect((await plainly({ prefix: 'x = retu' }, { scope: 'line', healing: false })).text).toBe('rn total')
    expect(decoder.prompts).toEqual(['x = retu'])
  })

  it('holds stop texts against what is new only', async () => {
    const { ask } = await completing(' return total\n')
    expect((await ask({ prefix: 'def f(total):\n    retu' }, { stop: ['retu', ' tot'] })).text).toBe('rn')
  })

  it('is what the caller samples', async () => {
    const { ask, decoder } = await completing('x')
    const process = () => undefined
    await ask(python, { temperature: 0.5, topK: 3, seed: 7, processors: [process], speculation: 'prompt-lookup', maxNewTokens: 9 })
    expect(decoder.requests[0]).toMatchObject({ temperature: 0.5, topK: 3, seed: 7, processors: [process], speculation: 'prompt-lookup', maxNewTokens: 9 })
  })
})

describe('several candidates', () => {
  it('are ranked, without those that say the same, and the best is the text', async () => {
    const texts = ['return (total', 'return total + 1', 'return  total + 1', 'return total']
    const { ask, decoder } = await completing((_, { seed }) => texts[seed ?? 0]!)
    const { text, candidates } = await ask(python, { candidates: 4 })
    expect(candidates.map(({ text: each }) => each.replace(/\s+/g, ' '))).toHaveLength(3)
    expect(candidates[0]!.text).toBe(text)
    expect(candidates.map(({ errors }) => errors)).toEqual([0, 0, 0])
    expect(decoder.requests.map(({ temperature, seed, topP }) => [temperature, seed, topP])).toEqual([[undefined, undefined, undefined], [0.8, 1, 0.95], [0.8, 2, 0.95], [0.8, 3, 0.95]])
  })

  it('differ by their seeds where the caller samples', async () => {
    const { ask, decoder } = await completing('x')
    await ask(python, { candidates: 2, temperature: 0.3, seed: 5 })
    await ask(python, { candidates: 3, temperature: 0.3, seed: Number.MAX_SAFE_INTEGER - 1 })
    expect(decoder.requests.map(({ temperature, seed }) => [temperature, seed])).toEqual([[0.3, 5], [0.3, 6], [0.3, Number.MAX_SAFE_INTEGER - 1], [0.3, Number.MAX_SAFE_INTEGER], [0.3, 0]])
  })
})

describe('a completion that fails', () => {
  it.each<[string, unknown, unknown, typeof InvalidInputError | typeof InvalidOptionError]>([
    ['no input', undefined, {}, InvalidInputError],
    ['no prefix', { suffix: 'x' }, {}, InvalidInputError],
    ['a number', { prefix: 1 }, {}, InvalidInputError],
    ['files that are none', { prefix: '', files: ['a.ts'] }, {}, InvalidInputError],
    ['an unknown field', { prefix: '', sufix: '' }, {}, InvalidOptionError],
    ['an unknown option', { prefix: '' }, { maxTokens: 1 }, InvalidOptionError],
    ['an unknown scope', { prefix: '' }, { scope: 'all' }, InvalidOptionError],
    ['more candidates than there are slots', { prefix: '' }, { candidates: 9 }, InvalidOptionError],
    ['what is no signal', { prefix: '' }, { signal: {} }, InvalidOptionError],
    ['what is no signal, and says that it is aborted', { prefix: '' }, { signal: { aborted: true } }, InvalidOptionError],
    ['processors that are no list', { prefix: '' }, { processors: 5 }, InvalidOptionError],
    ['a bigint as a scope', { prefix: '' }, { scope: 1n }, InvalidOptionError],
    ['a symbol for what to fill in', { prefix: '' }, { infill: Symbol('middle') }, InvalidOptionError],
    ['an object of nothing as a number', { prefix: '' }, { contextTokens: Object.create(null) }, InvalidOptionError],
    ['the same as candidates', { prefix: '' }, { candidates: Object.create(null) }, InvalidOptionError],
    ['no tokens', { prefix: '' }, { maxNewTokens: 0 }, InvalidOptionError],
    ['an empty stop text', { prefix: '' }, { stop: [''] }, InvalidOptionError],
    ['more new tokens than the context has', { prefix: '' }, { maxNewTokens: 4096 }, InvalidOptionError],
    ['a prompt that must not be cut', { prefix: 'x\n'.repeat(3000) }, { truncate: false }, InvalidInputError],
  ])('says so by its result and to who iterates it: %s', async (_name, input, call, expected) => {
    const { complete } = await completing('x')
    const completion = complete(input as CompletionInput, call as CompletionOptions)
    await expect(completion.result).rejects.toThrow(expected)
    await expect(completion[Symbol.asyncIterator]().next()).rejects.toThrow(expected)
  })

  it('is ended by a signal', async () => {
    const { complete, decoder } = await completing('total + '.repeat(100))
    const controller = new AbortController()
    const aborted = complete({ prefix: '' }, { signal: controller.signal, scope: 'line', maxNewTokens: 1000, processors: [() => decoder.steps === 7 && controller.abort()] })
    await expect(aborted.result).rejects.toThrow(AbortedError)
    expect(decoder.steps).toBe(8)
    await expect(complete({ prefix: '' }, { signal: controller.signal }).result).rejects.toThrow(AbortedError)
    expect(decoder.requests).toHaveLength(1)
  })
})
