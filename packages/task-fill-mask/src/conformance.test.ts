import { onnx } from '@tenon/backend-onnx'
import { files } from '@tenon/checkpoint'
import { bert } from '@tenon/models/bert'
import { testTask } from '@tenon/testing'
import { afterAll, describe, it } from 'vitest'
import { fillMask, type FilledMask } from './index.js'
import { fixture, tolerance } from './test-support.js'

const texts = ['The old bridge is [MASK] in the light.', '[MASK]', 'hello [MASK] world [MASK]']

/** As many lists as there are masks, the most probable tokens first, each put into the text. */
function filled(text: string, tokens: readonly FilledMask[]): boolean {
  const falls = tokens.every(({ score }, index) => score > 0 && score <= (tokens[index - 1]?.score ?? 1) + tolerance)
  return tokens.length === 3 && falls && tokens.every(({ sequence }) => sequence !== text)
}

testTask({ describe, it, afterAll }, {
  create: () => fillMask(),
  plugins: () => [files(), onnx({ threads: 2 }), bert()],
  request: { model: fixture('word-piece'), batchTokens: 24 },
  run: (fill, text: string, options) => fill(text, { topK: 3, ...options }),
  batch: (fill, all, options) => fill(all, { topK: 3, ...options }),
  cases: texts.map((text) => ({
    name: text,
    input: text,
    check: (output: FilledMask[] | FilledMask[][]) => (Array.isArray(output[0]) ? (output as FilledMask[][]) : [output as FilledMask[]]).every((tokens) => filled(text, tokens)),
  })),
  tolerance,
})
