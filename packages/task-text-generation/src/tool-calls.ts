import type { Tool, ToolCallMessage } from './messages.js'

/** What the model wants to be called. */
export interface ToolCall {
  readonly name: string
  readonly arguments: Readonly<Record<string, unknown>>
}

/** An answer, taken apart. */
export interface ReadAnswer {
  /** What is not part of a call. */
  readonly content: string
  readonly toolCalls: readonly ToolCall[]
}

/** Qwen's and Hermes' `<tool_call>{…}</tool_call>`, of which a stopped answer may lack the end, and Llama's `<function=name>{…}</function>`. */
const TAGGED = /<tool_call>([^]*?)(?:<\/tool_call>|$)|<function=([\w.-]+)>([^]*?)(?:<\/function>|$)/g

/**
 * Finds the calls of tools in an answer, in the formats that families share: tagged ones, and an answer that is nothing but the
 * JSON of one call or of several (Llama 3, Mistral), where these tools are called. What cannot be read stays text.
 */
export function readToolCalls(text: string, tools: readonly Tool[]): ReadAnswer {
  const toolCalls: ToolCall[] = []
  const content = text.replace(TAGGED, (all, json: string | undefined, name: string | undefined, args: string | undefined) => {
    const call = name === undefined ? callOf(parsed(json!)) : callOf({ name, arguments: parsed(args!) })
    if (call === undefined) return all
    toolCalls.push(call)
    return ''
  })
  if (toolCalls.length > 0) return { content: content.trim(), toolCalls }
  const bare = bareCalls(text.trim().replace(/^(?:<\|python_tag\|>|\[TOOL_CALLS\])\s*/, ''), new Set(tools.flatMap((tool) => nameOf(tool) ?? [])))
  return bare === undefined ? { content: text, toolCalls } : { content: '', toolCalls: bare }
}

/** As templates read them. Their ids are nine letters and digits, which is what Mistral's asks for. */
export const toolCallMessages = (calls: readonly ToolCall[], turn: number): ToolCallMessage[] =>
  calls.map(({ name, arguments: args }, index) => ({ id: `c${String(turn % 10_000).padStart(4, '0')}${String(index % 10_000).padStart(4, '0')}`, type: 'function', function: { name, arguments: args } }))

function bareCalls(text: string, known: ReadonlySet<string>): ToolCall[] | undefined {
  if (!/^[[{]/.test(text)) return undefined
  // Llama 3.2 writes several objects with semicolons between them.
  const calls = [parsed(text) ?? objectsIn(text)].flat().map(callOf)
  return calls.length > 0 && calls.every((call): call is ToolCall => call !== undefined && known.has(call.name)) ? calls : undefined
}

/** The objects of a text, with semicolons or white space between them. Empty where there is anything else. */
function objectsIn(text: string): unknown[] {
  const objects: unknown[] = []
  let [depth, begin] = [0, 0]
  for (const { 0: sign, index } of text.matchAll(/"(?:[^"\\]|\\[^])*"|[{}]/g)) {
    if (sign === '{' && depth++ === 0) {
      if (!/^[\s;]*$/.test(text.slice(begin, index))) return []
      begin = index
    } else if (sign === '}' && --depth === 0) {
      objects.push(parsed(text.slice(begin, index + 1)))
      begin = index + 1
    }
  }
  return /^[\s;]*$/.test(text.slice(begin)) ? objects : []
}

function callOf(value: unknown): ToolCall | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { name, arguments: args, parameters } = value as Record<string, unknown>
  const given = args ?? parameters ?? {}
  const read = typeof given === 'string' ? parsed(given) : given
  return typeof name === 'string' && name !== '' && typeof read === 'object' && read !== null && !Array.isArray(read) ? { name, arguments: read as Record<string, unknown> } : undefined
}

function nameOf({ function: of, ...tool }: Tool): string | undefined {
  const name: unknown = of?.name ?? tool['name']
  return typeof name === 'string' ? name : undefined
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
