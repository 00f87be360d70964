import { AbortedError, DisposedError, InvalidInputError } from '@tenon/core'
import type { Answer, AnswerResult, Conversation, ConversationOptions, GenerateOptions, Message, TextGenerator } from '@tenon/task-text-generation'
import type { OpenDecoder, OpenDecoderOptions } from '../open-decoder.js'

const stats = { promptTokens: 20, cachedTokens: 15, generatedTokens: 3, timeToFirstToken: 12, prefillMilliseconds: 10, decodeMilliseconds: 40, tokensPerSecond: 50, draftedTokens: 0, acceptedTokens: 0 }

export interface FakeChat extends OpenDecoder {
  readonly opens: OpenDecoderOptions[]
  readonly conversations: ConversationOptions[]
  readonly sent: string[]
  freed: number
}

/** A model that says again what it is told, word by word, and counts what was said before. */
export function fakeChat({ before, sampling = {}, finishReason = 'end-token' }: { before?: (word: string, options: GenerateOptions) => void | Promise<void>; sampling?: TextGenerator['sampling']; finishReason?: AnswerResult['finishReason'] } = {}): FakeChat {
  const [opens, conversations, sent]: [OpenDecoderOptions[], ConversationOptions[], string[]] = [[], [], []]

  function conversation(options: ConversationOptions = {}): Conversation {
    conversations.push(options)
    let messages: Message[] = []
    const answer = (said: string, call: GenerateOptions): Answer => {
      if (fake.freed === opens.length) throw new DisposedError({ what: 'decoder' })
      sent.push(said)
      const words = `${messages.length}: ${said}`.match(/\S+\s*/g) ?? []
      const spoken = (async () => {
        const text: string[] = []
        for (const word of words) {
          await before?.(word, call)
          if (call.signal?.aborted) throw new AbortedError(call.signal.reason)
          if (word.startsWith('fail')) throw new InvalidInputError({ what: 'the word', problem: 'is refused', remedy: 'say another' })
          text.push(word)
        }
        return text
      })()
      const result = spoken.then((text): AnswerResult => {
        const message = { role: 'assistant', content: text.join('') }
        messages = [...messages, { role: 'user', content: said }, message]
        return { text: message.content, finishReason, message, toolCalls: [], candidates: [], stats }
      })
      result.catch(() => undefined)
      return { result, async *[Symbol.asyncIterator]() { yield* await spoken } }
    }
    return {
      get messages() {
        return messages
      },
      send: (said: string, call: GenerateOptions = {}) => answer(said, call),
      undo() {
        if (messages.length === 0) throw new InvalidInputError({ what: 'the conversation', problem: 'has nothing that could be taken back', remedy: 'say something first' })
        const undone = messages.at(-2)!
        messages = messages.slice(0, -2)
        return undone
      },
    } as unknown as Conversation
  }

  const open: OpenDecoder = async (asked) => {
    opens.push(asked)
    return {
      model: asked.model ?? 'fake',
      completer: () => Promise.reject(new Error('this one talks')),
      chat: async () => ({ conversation, sampling }) as unknown as TextGenerator,
      [Symbol.asyncDispose]: async () => void fake.freed++,
    }
  }
  const fake: FakeChat = Object.assign(open, { opens, conversations, sent, freed: 0 })
  return fake
}
