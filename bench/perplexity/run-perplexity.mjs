// How well a model expects a text, by Tenon and by node-llama-cpp on the same file and the same tokens:
//   node bench/perplexity/run-perplexity.mjs model.gguf text.txt [--window 512] [--windows 4] [--compress '{"bits":4}'] [--ids ids.json]
// --ids keeps the tokens, for tools/bench/perplexity.py to ask PyTorch. Each window begins anew; its first token is not counted.
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { window: { type: 'string', default: '512' }, windows: { type: 'string', default: '4' }, compress: { type: 'string' }, ids: { type: 'string' } },
})
const [model, textFile] = positionals
if (model === undefined || textFile === undefined) throw new Error('call it with a model and a text: node bench/perplexity/run-perplexity.mjs model.gguf text.txt')
const [size, most] = [Number(values.window), Number(values.windows)]

const perplexity = (logprobs) => Math.exp(-logprobs.reduce((sum, each) => sum + each, 0) / logprobs.length)

async function byTenon(text) {
  const [{ createRuntime }, { files }, { onnx }, { weightOnly }, { decoders }, { openDecoder }] = await Promise.all([
    import('@tenon/core'),
    import('@tenon/checkpoint'),
    import('@tenon/backend-onnx'),
    import('@tenon/compress'),
    import('@tenon/models'),
    import('@tenon/generation'),
  ])
  /** The decoder beneath the tasks, which takes ids. */
  const scoring = { kind: 'task', version: 'v1', name: 'scoring', create: async (context) => ((decoder) => () => decoder)(await openDecoder(context, { where: 'perplexity', contextLength: size })) }
  const runtime = createRuntime({ plugins: [files(), onnx(), weightOnly(), ...decoders(), scoring] })
  try {
    const decoder = (await runtime.task('scoring', { model, ...(values.compress !== undefined && { compress: { name: 'weight-only', ...JSON.parse(values.compress) } }) }))()
    const { ids } = await decoder.tokenizer.encode(text, { addSpecialTokens: false })
    const windows = Array.from({ length: Math.min(most, Math.floor(ids.length / size)) }, (_, index) => ids.slice(index * size, (index + 1) * size))
    if (windows.length === 0) throw new Error(`the text has ${ids.length} tokens, and a window ${size}`)
    const logprobs = []
    for (const window of windows) logprobs.push(...(await decoder.score(window)))
    return { windows, logprobs }
  } finally {
    await runtime.dispose()
  }
}

/** Tokens whose probabilities are told at once: each is a map of the whole vocabulary. */
const AT_ONCE = 16

async function byLlama(windows) {
  const require = createRequire(new URL('../peers/package.json', import.meta.url))
  const { getLlama, LlamaLogLevel } = await import(pathToFileURL(require.resolve('node-llama-cpp')).href)
  const llama = await getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.error })
  const loaded = await llama.loadModel({ modelPath: model })
  const context = await loaded.createContext({ contextSize: size, batchSize: size })
  const sequence = context.getSequence()
  const logprobs = []
  for (const window of windows) {
    await sequence.clearHistory()
    // Without these, only the likeliest tokens are told.
    const generateNext = { probabilities: true, options: { temperature: 1, topK: 0, topP: 1, minP: 0 } }
    for (let from = 0; from < window.length - 1; from += AT_ONCE) {
      const told = await sequence.controlledEvaluate(window.slice(from, Math.min(from + AT_ONCE, window.length - 1)).map((token) => [token, { generateNext }]))
      for (const [index, { next }] of told.entries()) logprobs.push(Math.log(next.probabilities.get(window[from + index + 1])))
    }
  }
  await llama.dispose()
  return logprobs
}

const { windows, logprobs } = await byTenon(await readFile(textFile, 'utf8'))
if (values.ids !== undefined) await writeFile(values.ids, JSON.stringify(windows))
const report = { model, tokens: logprobs.length, tenon: perplexity(logprobs) }
if (model.endsWith('.gguf') && existsSync(new URL('../peers/node_modules/node-llama-cpp', import.meta.url))) {
  const theirs = await byLlama(windows)
  Object.assign(report, { llama: perplexity(theirs), ratio: perplexity(logprobs) / perplexity(theirs), furthest: Math.max(...theirs.map((each, index) => Math.abs(each - logprobs[index]))) })
}
console.log(JSON.stringify(report, null, 2))
