import { AbortedError } from '@tenon/core'
import type { CodeGenerator, CompletionInput, CompletionOptions, CompletionResult } from '@tenon/task-codegen'
import type { OpenDecoder, OpenDecoderOptions } from '../open-decoder.js'

const stats = { promptTokens: 120, cachedTokens: 100, generatedTokens: 3, timeToFirstToken: 12, prefillMilliseconds: 10, decodeMilliseconds: 40, tokensPerSecond: 50, draftedTokens: 4, acceptedTokens: 2 }

export interface FakeCompleter extends OpenDecoder {
  readonly inputs: CompletionInput[]
  readonly options: CompletionOptions[]
  readonly opens: OpenDecoderOptions[]
  freed: number
}

/** A completer without a model: it writes these pieces, and keeps what it was asked. */
export function fakeCompleter({ pieces = ['return', ' a'], before }: { pieces?: readonly string[]; before?: (index: number) => void } = {}): FakeCompleter {
  const [inputs, options, opens]: [CompletionInput[], CompletionOptions[], OpenDecoderOptions[]] = [[], [], []]
  const write = (input: CompletionInput, call: CompletionOptions = {}) => {
    inputs.push(input)
    options.push(call)
    const text = pieces.join('')
    const candidate = { text, finishReason: 'scope' } as const
    const result: CompletionResult = { text, candidates: [candidate], finishReason: 'scope', stats, context: { tokens: 120, infill: input.suffix !== '', prefixStart: 0, suffixEnd: 0, files: (input.files ?? []).map(({ path }) => path) } }
    return {
      result: Promise.resolve(result),
      async *[Symbol.asyncIterator]() {
        for (const [index, piece] of pieces.entries()) {
          before?.(index)
          if (call.signal?.aborted) throw new AbortedError(call.signal.reason)
          yield piece
        }
      },
    }
  }
  const open: OpenDecoder = async (asked) => {
    opens.push(asked)
    return {
      model: asked.model ?? 'fake',
      chat: () => Promise.reject(new Error('this one completes code')),
      completer: async () => Object.assign(write, { contextLength: 2048, infills: true }) as CodeGenerator,
      [Symbol.asyncDispose]: async () => void fake.freed++,
    }
  }
  const fake: FakeCompleter = Object.assign(open, { inputs, options, opens, freed: 0 })
  return fake
}
