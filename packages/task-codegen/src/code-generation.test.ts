import { AbortedError, createRuntime, InvalidOptionError } from '@tenon/core'
import { onnx } from '@tenon/backend-onnx'
import { files } from '@tenon/checkpoint'
import { qwen2 } from '@tenon/models/qwen2'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { LogitsProcessor } from '@tenon/generation'
import { codeGeneration, NoInfillingError, type CodeGenerationOptions, type CompletionInput, type CompletionOptions } from './index.js'
import { byteLevelTokenizer, qwenTokens, tinyQwen } from './test-support.js'

async function completer(controls: readonly string[] = qwenTokens, options: CodeGenerationOptions = {}) {
  const runtime = createRuntime({ plugins: [files(), onnx({ threads: 1 }), qwen2(), codeGeneration()] })
  onTestFinished(() => runtime.dispose())
  return runtime.task('code-generation', { model: await tinyQwen(controls), ...options })
}

async function streamed(complete: Awaited<ReturnType<typeof completer>>, input: CompletionInput, options: CompletionOptions = {}) {
  const completion = complete(input, options)
  let text = ''
  for await (const piece of completion) text += piece
  const result = await completion.result
  expect(text).toBe(result.text)
  return result
}

const here = { prefix: 'def area(r):\n    ', suffix: '\n\nprint(area(2))\n', path: 'a.py' }
const letters = new Set(await Promise.all([...'abcdefghijklmnopqrstuvwxyz'].map(async (letter) => (await byteLevelTokenizer(qwenTokens)).idOf(letter)!)))

/** Names only, since a model of random weights would write anything. */
const names: LogitsProcessor = (logits) => void logits.forEach((_, id) => letters.has(id) || (logits[id] = -Infinity))

const untold = { scope: 'function', maxNewTokens: 24, processors: [names] } as const

describe('the task, with a model of random weights', () => {
  it('fills in, the same text each time, alone and with guesses ahead', async () => {
    const complete = await completer()
    expect([complete.infills, complete.contextLength]).toEqual([true, 512])
    const first = await streamed(complete, here, untold)
    expect(first.context).toMatchObject({ infill: true, files: [] })
    expect(first).toMatchObject({ text: expect.stringMatching(/^[a-z]{24}$/), finishReason: 'length' })
    const again = await streamed(complete, here, untold)
    expect(again.text).toBe(first.text)
    expect(again.stats.cachedTokens).toBe(first.stats.promptTokens - 1)
    expect((await streamed(complete, here, { ...untold, speculation: 'prompt-lookup' })).text).toBe(first.text)
  })

  it('writes what greedy decoding of the same prompt gives, token by token', async () => {
    const tokenizer = await byteLevelTokenizer(qwenTokens)
    const complete = await completer()
    const input = { prefix: 'total = add(', suffix: ')\n' }
    const tokens: number[][] = []
    await complete(input, { ...untold, healing: false, processors: [names, (_, context) => void tokens.push([...context.tokens])] }).result
    const expected = await tokenizer.encode('<|fim_prefix|>total = add(<|fim_suffix|>)\n<|fim_middle|>')
    expect(tokens[0]).toEqual(expected.ids)
  })

  it('reads next to nothing when a character was typed', async () => {
    const complete = await completer()
    const code = Array.from({ length: 12 }, (_, line) => `total = add(${line})\n`).join('')
    const cold = await streamed(complete, { ...here, prefix: code, suffix: `\n${code}` }, { maxNewTokens: 2 })
    expect(cold.stats.promptTokens).toBeGreaterThan(200)
    for (let length = 1; length <= 10; length++) {
      const { stats } = await streamed(complete, { ...here, prefix: code + 'print(self'.slice(0, length), suffix: `\n${code}` }, { maxNewTokens: 2 })
      expect(stats.promptTokens - stats.cachedTokens).toBeLessThanOrEqual(6)
    }
  })

  it('goes on with a word that was begun', async () => {
    const tokenizer = await byteLevelTokenizer(qwenTokens)
    const complete = await completer()
    for (const prefix of ['def f(r):\n    retu', 'x = foo.ba', 'resu']) {
      const tokens: number[][] = []
      await streamed(complete, { prefix, suffix: '\nx' }, { scope: 'function', maxNewTokens: 4, processors: [(_, context) => void tokens.push([...context.tokens])] })
      const written = await tokenizer.decode(tokens.at(-1)!)
      const word = /[a-z]+$/.exec(prefix)![0]
      expect(written).toMatch(/<\|fim_prefix\|>.*<\|fim_suffix\|>\nx<\|fim_middle\|>/s)
      expect(written.slice(written.indexOf('<|fim_middle|>') + '<|fim_middle|>'.length)).toMatch(new RegExp(`^[ .]?${word}`))
    }
  })

  it('ranks several candidates, the same for one seed', async () => {
    const complete = await completer()
    const options = { ...untold, candidates: 3, temperature: 1, seed: 5 }
    const { candidates, text } = await streamed(complete, here, options)
    expect(candidates).toHaveLength(3)
    expect(candidates.map(({ score }) => score)).toEqual(candidates.map(({ score }) => score!).toSorted((one, other) => other - one))
    expect(candidates[0]!.text).toBe(text)
    expect((await complete(here, options).result).candidates.map((candidate) => candidate.text)).toEqual(candidates.map((candidate) => candidate.text))
  })

  it('is shown other files', async () => {
    const complete = await completer()
    const { context } = await streamed(complete, { ...here, files: [{ path: 'b.py', text: 'def area(x):\n    return x\n' }] }, { maxNewTokens: 4 })
    expect(context.files).toEqual(['b.py'])
  })

  it('ends where it is aborted, and goes on to work', async () => {
    const complete = await completer()
    const { text } = await complete(here, untold).result
    const controller = new AbortController()
    let steps = 0
    const aborted = complete(here, { ...untold, signal: controller.signal, processors: [names, () => void (++steps === 3 && controller.abort())] })
    await expect(aborted.result).rejects.toThrow(AbortedError)
    expect(steps).toBeLessThanOrEqual(4)
    for await (const _ of complete(here, untold)) break
    expect((await complete(here, untold).result).text).toBe(text)
  })

  it('writes the same with a draft that guesses ahead, one text or several', async () => {
    const model = await tinyQwen()
    const runtime = createRuntime({ plugins: [files(), onnx({ threads: 1 }), qwen2(), codeGeneration()] })
    onTestFinished(() => runtime.dispose())
    const [plain, drafted] = [await runtime.task('code-generation', { model }), await runtime.task('code-generation', { model, draft: await tinyQwen(qwenTokens, { rms_norm_eps: 1e-3 }) })]
    let accepted = 0
    for (const options of [{}, { scope: 'function' as const, maxNewTokens: 60 }, { temperature: 0.5, seed: 3, scope: 'function' as const }, { candidates: 3, seed: 1, maxNewTokens: 12 }]) {
      const [one, other] = [await streamed(plain, here, options), await streamed(drafted, here, options)]
      expect(other.candidates.map(({ text }) => text)).toEqual(one.candidates.map(({ text }) => text))
      expect([one.stats.draftedTokens, other.finishReason]).toEqual([0, one.finishReason])
      accepted += other.stats.acceptedTokens
    }
    expect(accepted).toBeGreaterThan(5)
    expect((await streamed(drafted, here, { speculation: false })).stats.draftedTokens).toBe(0)
    await expect(plain(here, { speculation: 'draft' }).result).rejects.toThrow(InvalidOptionError)
    await expect(runtime.task('code-generation', { model, draft: await tinyQwen(['<|endoftext|>']) })).rejects.toThrow("The option 'draft' of the task 'code-generation' has a vocabulary of")
  })

  it('refuses to fill in with a model that cannot, goes on from the prefix on request, and works after it', async () => {
    const complete = await completer(['<|endoftext|>'])
    expect(complete.infills).toBe(false)
    await expect(complete(here).result).rejects.toThrow(NoInfillingError)
    expect((await streamed(complete, here, { infill: 'prefix-only', maxNewTokens: 4 })).context.infill).toBe(false)
  })

  it('cuts a prompt that is too long, and says where', async () => {
    const complete = await completer()
    const { context } = await streamed(complete, { ...here, prefix: 'total = 1\n'.repeat(400) }, { maxNewTokens: 4 })
    expect(context.prefixStart).toBeGreaterThan(0)
    expect(context.tokens).toBeLessThanOrEqual(512 - 4)
  })

  it('checks its options', async () => {
    await expect(completer(qwenTokens, { contextLenght: 3 } as CodeGenerationOptions)).rejects.toThrow(InvalidOptionError)
    await expect(completer(qwenTokens, { contextLength: 4096 })).rejects.toThrow(InvalidOptionError)
    await expect(completer(qwenTokens, { contextLength: 16 })).rejects.toMatchObject({ option: 'contextLength', remedy: 'Give at least 17' })
    expect((await completer(qwenTokens, { contextLength: 64 })).contextLength).toBe(64)
  })
})
