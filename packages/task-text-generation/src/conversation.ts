import { streamed } from '@tenon/generation'
import { checkOptions, InvalidInputError, InvalidOptionError, kindOf, spelled, type Emit } from '@tenon/core'
import type { Answer, AnswerResult } from './answer.js'
import type { ChatPrompt, TemplateOptions } from './chat-prompt.js'
import { ContextFullError } from './errors/context-full-error.js'
import { checkMessages, type Message } from './messages.js'
import { checkGenerateOptions, constraintIn, generateOptions, type GenerateOptions } from './options.js'

export interface ConversationOptions extends Omit<GenerateOptions, 'signal'> {
  /** What the model is told to be, before anything else. */
  readonly system?: string | undefined
  /** What was said already. */
  readonly messages?: readonly Message[] | undefined
  /**
   * What to do where the conversation no longer fits the context: fail with ContextFullError, or leave the oldest turns out of
   * what the model is shown, with a notice (`TENON_TURNS_DROPPED`). `messages` keeps them, and so it does system messages. Default `'error'`.
   */
  readonly overflow?: 'error' | 'drop-oldest' | undefined
}

interface Model {
  readonly generate: (messages: readonly Message[], options: GenerateOptions) => Answer
  readonly promptOf: (messages: readonly Message[], options: TemplateOptions) => Promise<ChatPrompt>
  readonly contextLength: number
  readonly newTokens: (options: GenerateOptions) => number
  readonly emit: Emit
}

const WHERE = 'conversation'

/** Of the context, what is kept free for an answer that may be longer. */
const SHARE_FOR_ANSWER = 4

/** Of the room for a prompt, what is filled where turns are left out: the next ones find room, and the cache holds what is before them. */
const FILLED_SHARE = 3 / 4

/**
 * Messages, and what comes next. At each turn the model reads what is new: what it has read before is in its cache, as far as the
 * template writes earlier turns as it wrote them then.
 */
export interface Conversation {
  /** All that was said, oldest first. */
  readonly messages: readonly Message[]
  /**
   * Says something, or passes on what tools gave, and streams the answer. Both become part of the conversation when the answer is
   * there; of an answer that is aborted, what there was of it. What fails changes nothing.
   * @param input A text of the user's, a message, or several.
   */
  send(input: string | Message | readonly Message[], options?: GenerateOptions): Answer
  /**
   * Takes back the last thing the user said and all that follows, and returns it.
   * @throws InvalidInputError where the user has said nothing, and while an answer is under way.
   */
  undo(): Message
  /**
   * Puts other messages in place of all, to change what was said.
   * @throws InvalidInputError
   */
  replace(messages: readonly Message[]): void
}

export class LiveConversation implements Conversation {
  readonly #model: Model
  readonly #options: GenerateOptions
  readonly #overflow: 'error' | 'drop-oldest'
  #messages: readonly Message[]
  #busy = false
  /** Of the oldest turns, how many were left out the last time. */
  #leftOut = 0

  constructor(model: Model, options: ConversationOptions) {
    checkOptions(WHERE, options, [...generateOptions.filter((name) => name !== 'signal'), 'system', 'messages', 'overflow'])
    const { system, messages = [], overflow = 'error', ...rest } = options
    checkGenerateOptions(WHERE, rest)
    if (system !== undefined && typeof system !== 'string') throw new InvalidOptionError({ where: WHERE, option: 'system', problem: `is ${kindOf(system)}`, remedy: 'Give a text' })
    if (overflow !== 'error' && overflow !== 'drop-oldest') throw new InvalidOptionError({ where: WHERE, option: 'overflow', problem: `is ${spelled(overflow)}`, remedy: "Choose 'error' or 'drop-oldest'" })
    if (!Array.isArray(messages)) checkMessages(messages)
    const all = [...(system === undefined ? [] : [{ role: 'system', content: system }]), ...messages]
    if (all.length > 0) checkMessages(all)
    this.#model = model
    this.#options = held(rest)
    this.#overflow = overflow
    this.#messages = all
  }

  get messages(): readonly Message[] {
    return this.#messages
  }

  send(input: string | Message | readonly Message[], options: GenerateOptions = {}): Answer {
    return streamed((emit, signal) => this.#turn(input, options, emit, signal), (options as GenerateOptions | null)?.signal)
  }

  undo(): Message {
    this.#checkIdle()
    const index = this.#messages.findLastIndex(({ role }) => role === 'user')
    if (index === -1) throw new InvalidInputError({ what: 'the conversation', problem: 'has nothing that could be taken back', remedy: 'say something first' })
    const undone = this.#messages[index]!
    this.#messages = this.#messages.slice(0, index)
    return undone
  }

  replace(messages: readonly Message[]): void {
    this.#checkIdle()
    if (!Array.isArray(messages) || messages.length > 0) checkMessages(messages)
    this.#messages = [...messages]
    this.#leftOut = 0
  }

  #checkIdle(): void {
    if (this.#busy) throw new InvalidInputError({ what: 'the conversation', problem: 'is in the middle of an answer', remedy: 'wait for its result, or abort it' })
  }

  async #turn(input: string | Message | readonly Message[], call: GenerateOptions, emit: (text: string) => Promise<void> | undefined, signal: AbortSignal): Promise<AnswerResult> {
    this.#checkIdle()
    checkGenerateOptions(`${WHERE}.send`, call)
    const said = typeof input === 'string' ? [{ role: 'user', content: input }] : Array.isArray(input) ? (input as readonly Message[]) : [input as Message]
    checkMessages(said)
    this.#busy = true
    const all = [...this.#messages, ...said]
    let text = ''
    try {
      const { constraint } = this.#options
      const own = CONSTRAINTS.some((name) => Object.hasOwn(call, name))
      // One that keeps count of a text begins anew at each turn.
      const options = { ...this.#options, constraint: own ? undefined : typeof constraint === 'function' ? constraint : constraint?.fork(), ...call, signal }
      const answer = this.#model.generate(await this.#fitting(all, options), options)
      for await (const piece of answer) {
        text += piece
        await emit(piece)
      }
      const result = await answer.result
      this.#messages = [...all, result.message]
      return result
    } catch (error) {
      if (signal.aborted && text !== '') this.#messages = [...all, { role: 'assistant', content: text }]
      throw error
    } finally {
      this.#busy = false
    }
  }

  /**
   * The messages that leave room for an answer.
   * @throws ContextFullError
   */
  async #fitting(messages: readonly Message[], options: GenerateOptions): Promise<readonly Message[]> {
    const { contextLength, newTokens, promptOf, emit } = this.#model
    const room = contextLength - Math.min(newTokens(options), Math.ceil(contextLength / SHARE_FOR_ANSWER))
    const tokens = async (some: readonly Message[]) => (await promptOf(some, options)).ids.length
    const needed = await tokens(messages)
    // With an error as the policy, an answer may be as short as the context makes it.
    if (needed <= (this.#overflow === 'error' ? contextLength - 1 : room)) return messages
    const earlier = Math.max(0, messages.filter(({ role }) => role === 'user').length - 1)
    const turns = this.#overflow === 'error' ? 0 : earlier
    // What was left out stays out, as long as that is enough: the model has read the rest before.
    const held = this.#leftOut
    if (held > 0 && held <= turns && (await tokens(withoutOldest(messages, held))) <= room) return withoutOldest(messages, held)
    /** The fewest turns to leave out for that many tokens, of which every further one makes the prompt shorter. */
    const fewest = async (most: number): Promise<number | undefined> => {
      let [low, high] = [1, turns]
      while (low < high) {
        const middle = (low + high) >> 1
        if ((await tokens(withoutOldest(messages, middle))) <= most) high = middle
        else low = middle + 1
      }
      return (await tokens(withoutOldest(messages, high))) <= most ? high : undefined
    }
    // What is said last may leave less room than answers like to have, where there is nothing else to leave out.
    if (turns === 0 && needed < contextLength) return messages
    const out = turns === 0 ? undefined : ((await fewest(Math.floor(room * FILLED_SHARE))) ?? (await fewest(room)) ?? (await fewest(contextLength - 1)))
    if (out === undefined) throw new ContextFullError({ tokens: needed, contextLength, earlier, dropped: turns > 0 })
    this.#leftOut = out
    emit({ type: 'notice', code: 'TENON_TURNS_DROPPED', message: `The conversation has ${needed} tokens, and the context holds ${contextLength}: the oldest ${out === 1 ? 'turn is' : `${out} turns are`} left out` })
    return withoutOldest(messages, out)
  }
}

const CONSTRAINTS = ['schema', 'grammar', 'constraint'] as const

/**
 * Options whose schema or grammar is read, once for all turns; a turn that names one of its own is held to that.
 * @throws UnsupportedSchemaError, InvalidGrammarError, UnsatisfiableConstraintError
 */
function held({ schema, grammar, constraint, ...rest }: GenerateOptions): GenerateOptions {
  return { ...rest, constraint: constraintIn({ schema, grammar, constraint }) }
}

/** Without the first so many turns, each of which begins with something the user says. System messages stay. */
function withoutOldest(messages: readonly Message[], turns: number): readonly Message[] {
  let seen = 0
  return messages.filter(({ role }) => {
    if (role === 'user') seen++
    return role === 'system' || seen > turns
  })
}
