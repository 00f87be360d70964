import { InvalidInputError, kindOf } from '@tenon/core'
import { readable } from './read-data.js'

/** A part of a message, as multimodal templates read them. Models here read text alone. */
export interface MessagePart {
  readonly type: string
  readonly text?: string
  readonly [key: string]: unknown
}

/** A call of a tool, as the model asks for it and as templates read it. */
export interface ToolCallMessage {
  readonly id?: string
  readonly type?: 'function'
  readonly function: { readonly name: string; readonly arguments: Readonly<Record<string, unknown>> | string }
}

/** A turn of a conversation. Templates read whatever else it has. */
export interface Message {
  /** `'system'`, `'user'`, `'assistant'`, `'tool'`, or what else the template knows. */
  readonly role: string
  readonly content?: string | readonly MessagePart[] | null | Readonly<Record<string, unknown>>
  readonly tool_calls?: readonly ToolCallMessage[] | null
  readonly [key: string]: unknown
}

/** What a tool is to the model: the JSON schema of a function, as transformers and OpenAI's interface have it. */
export interface Tool {
  readonly type?: string
  readonly function?: { readonly name: string; readonly description?: string; readonly parameters?: Readonly<Record<string, unknown>>; readonly [key: string]: unknown }
  readonly [key: string]: unknown
}

/** @throws InvalidInputError */
export function checkMessages(messages: unknown): asserts messages is readonly Message[] {
  const fail = (what: string, problem: string, remedy = "pass { role: 'user', content: '…' }") => {
    throw new InvalidInputError({ what, problem, remedy })
  }
  if (!Array.isArray(messages)) return fail('the messages', `are ${kindOf(messages)}`, "pass a string, or messages: [{ role: 'user', content: '…' }]")
  if (messages.length === 0) return fail('the messages', 'are none')
  for (const [index, message] of Array.from(messages as readonly unknown[]).entries()) {
    if (typeof message !== 'object' || message === null || readable(`message ${index}`, () => Array.isArray(message))) return fail(`message ${index}`, `is ${kindOf(message)}`)
    const { role, content, tool_calls: calls } = readable(`message ${index}`, (): Record<string, unknown> => ({ ...message }))
    if (typeof role !== 'string' || role === '') return fail(`message ${index}`, `has ${role === undefined ? 'no role' : `${kindOf(role)} for a role`}`)
    if (content !== undefined && typeof content !== 'string' && typeof content !== 'object') return fail(`message ${index}`, `has ${kindOf(content)} for its content`)
    if (calls !== undefined && calls !== null && !Array.isArray(calls)) return fail(`message ${index}`, `has ${kindOf(calls)} for its tool_calls`, 'pass a list of calls')
  }
}

const REASONING = ['reasoning_content', 'thinking', 'reasoning']

/** Messages as transformers passes them on: without what is null, and reasoning under every name that templates read. */
export function plainMessages(messages: readonly Message[]): Record<string, unknown>[] {
  return messages.map((message) => {
    const plain: Record<string, unknown> = Object.fromEntries(Object.entries(message).filter(([, value]) => value !== null && value !== undefined))
    const reasoning = REASONING.map((name) => plain[name]).find((value) => value !== undefined)
    return reasoning === undefined ? plain : { thinking: reasoning, ...plain, reasoning_content: reasoning }
  })
}
