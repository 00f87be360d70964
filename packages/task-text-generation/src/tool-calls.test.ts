import { describe, expect, it } from 'vitest'
import { readToolCalls, toolCallMessages } from './tool-calls.js'

const tools = [{ type: 'function', function: { name: 'weigh' } }, { name: 'clock' }]

describe('calls of tools', () => {
  it.each<[string, string, unknown]>([
    ['Qwen and Hermes', '<tool_call>\n{"name": "weigh", "arguments": {"board": "A1"}}\n</tool_call>', [{ name: 'weigh', arguments: { board: 'A1' } }]],
    ['two of them', '<tool_call>{"name": "weigh", "arguments": {}}</tool_call>\n<tool_call>{"name": "clock", "arguments": {"zone": "UTC"}}</tool_call>', [{ name: 'weigh', arguments: {} }, { name: 'clock', arguments: { zone: 'UTC' } }]],
    ['an end that is missing', '<tool_call>\n{"name": "clock", "arguments": {}}', [{ name: 'clock', arguments: {} }]],
    ['arguments as a text', '<tool_call>{"name": "clock", "arguments": "{\\"zone\\": \\"UTC\\"}"}</tool_call>', [{ name: 'clock', arguments: { zone: 'UTC' } }]],
    ['Llama 3', '{"name": "weigh", "parameters": {"board": "A1"}}', [{ name: 'weigh', arguments: { board: 'A1' } }]],
    ['Llama 3, several', '<|python_tag|>{"name": "weigh", "parameters": {"a": {"b": "};{"}}}; {"name": "clock", "parameters": {}}', [{ name: 'weigh', arguments: { a: { b: '};{' } } }, { name: 'clock', arguments: {} }]],
    ['Llama 3, tagged', '<function=clock>{"zone": "UTC"}</function>', [{ name: 'clock', arguments: { zone: 'UTC' } }]],
    ['Mistral', '[TOOL_CALLS] [{"name": "clock", "arguments": {}}]', [{ name: 'clock', arguments: {} }]],
    ['a call without arguments', '<tool_call>{"name": "clock"}</tool_call>', [{ name: 'clock', arguments: {} }]],
  ])('are found: %s', (_, text, calls) => {
    expect(readToolCalls(text, tools)).toEqual({ content: '', toolCalls: calls })
  })

  it('leave the text around them', () => {
    expect(readToolCalls('I look.\n<tool_call>{"name": "clock", "arguments": {}}</tool_call>\n', tools).content).toBe('I look.')
  })

  it.each([
    ['malformed JSON', '<tool_call>{"name": "weigh", "arguments": {"board": }</tool_call>'],
    ['no name', '<tool_call>{"arguments": {}}</tool_call>'],
    ['arguments that are none', '<tool_call>{"name": "weigh", "arguments": [1]}</tool_call>'],
    ['JSON of something else', '{"name": "Ann", "parameters": {}}'],
    ['JSON that is cut', '{"name": "weigh", "parameters": {"board": '],
    ['a list of other things', '[1, 2]'],
    ['no JSON', 'weigh it'],
    ['nothing', ''],
  ])('stay text: %s', (_, text) => {
    expect(readToolCalls(text, tools)).toEqual({ content: text, toolCalls: [] })
  })

  it('become messages with ids of nine letters and digits', () => {
    const messages = toolCallMessages([{ name: 'a', arguments: {} }, { name: 'b', arguments: { x: 1 } }], 12)
    expect(messages.map(({ id }) => id)).toEqual(['c00120000', 'c00120001'])
    expect(messages[1]).toMatchObject({ type: 'function', function: { name: 'b', arguments: { x: 1 } } })
  })
})
