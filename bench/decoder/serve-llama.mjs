import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { serve } from './serve.mjs'

const [file, threads, contextSize] = process.argv.slice(2)

serve(async () => {
  const require = createRequire(new URL('../peers/package.json', import.meta.url))
  const { getLlama, LlamaLogLevel } = await import(pathToFileURL(require.resolve('node-llama-cpp')).href)
  const llama = await getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.error, maxThreads: Number(threads) })
  const model = await llama.loadModel({ modelPath: file })
  const context = await model.createContext({ contextSize: Number(contextSize), batchSize: 512, threads: Number(threads), sequences: 1 })
  const sequence = context.getSequence()
  return async ({ prompt, count }) => {
    await sequence.clearHistory()
    const began = performance.now()
    await sequence.evaluateWithoutGeneratingNewTokens(prompt.slice(0, -1))
    const times = [performance.now()]
    for await (const _ of sequence.evaluate(prompt.slice(-1), { temperature: 0, yieldEogToken: true })) {
      times.push(performance.now())
      if (times.length > count) break
    }
    return { prefill: times[0] - began, steps: times.slice(1).map((time, index) => time - times[index]) }
  }
})
