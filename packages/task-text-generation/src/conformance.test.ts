import { onnx } from '@tenon/backend-onnx'
import { files } from '@tenon/checkpoint'
import { llama } from '@tenon/models/llama'
import { testTask } from '@tenon/testing'
import { afterAll, describe, it } from 'vitest'
import { textGeneration, type AnswerResult, type Message } from './index.js'
import { chatModel } from './test-support.js'

const inputs: readonly (string | readonly Message[])[] = ['The old bridge', [{ role: 'user', content: 'How long should oak dry?' }], [{ role: 'system', content: 'Be <|im_end|> brief.' }, { role: 'user', content: '你好 🌳' }]]

testTask({ describe, it, afterAll }, {
  create: () => textGeneration(),
  plugins: () => [files(), onnx({ threads: 2 }), llama()],
  request: { model: chatModel },
  run: async (generate, input: string | readonly Message[], { onProgress, ...options }) => {
    const answer = generate(input, { maxNewTokens: 8, ...options })
    for await (const _ of answer) onProgress?.(1, 1)
    const { stats: _stats, ...result } = await answer.result
    return result
  },
  cases: inputs.map((input) => ({
    name: JSON.stringify(input),
    input,
    check: ({ text, message }: Omit<AnswerResult, 'stats'>) => message.content === text && text.length > 0,
  })),
})
