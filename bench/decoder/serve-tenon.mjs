import { serve } from './serve.mjs'

const [reference, threads, compress, cache] = process.argv.slice(2)

serve(async () => {
  const [{ createRuntime }, { files }, { onnx }, { weightOnly }, { openDecoder }, { llama }, { qwen2 }] = await Promise.all([
    import('@tenon/core'),
    import('@tenon/checkpoint'),
    import('@tenon/backend-onnx'),
    import('@tenon/compress'),
    import('@tenon/generation'),
    import('@tenon/models/llama'),
    import('@tenon/models/qwen2'),
  ])
  /** The decoder beneath the tasks, which takes ids. */
  const decoding = {
    kind: 'task',
    version: 'v1',
    name: 'decoding',
    async create(context) {
      const decoder = await openDecoder(context, { where: 'the benchmark' })
      return () => decoder
    },
  }
  const runtime = createRuntime({ plugins: [files(), onnx({ threads: Number(threads) }), weightOnly(cache === undefined ? {} : { cache }), llama(), qwen2(), decoding] })
  const task = await runtime.task('decoding', { model: reference, ...(compress !== 'none' && { compress: { name: 'weight-only', ...JSON.parse(compress) } }) })
  const decoder = task()

  /** @param target What is chosen, whatever the model says: its work is the same. */
  async function timed({ prompt, count, target, ...options }) {
    const times = []
    const choose = (logits, { tokens, promptLength }) => {
      times.push(performance.now())
      if (target !== undefined) logits[target[(tokens.length - promptLength) % target.length]] = 1e6
    }
    const began = performance.now()
    const generation = decoder.generate({ prompt, maxNewTokens: count + 1, endTokens: [], processors: [choose], logprobs: false, ...options }) // the peers give no probabilities
    const { stats, tokens } = await generation.result
    return { times, began, stats, tokens }
  }
  return async ({ prompt, count, batch = 1, speculation, target, fresh = true }) => {
    // Nothing of an earlier prompt: this one begins with another token.
    const own = fresh ? prompt.with(0, 258 + Math.floor(Math.random() * 40_000)) : prompt
    if (batch > 1) {
      await decoder.generate({ prompt: own, maxNewTokens: 0 }).result
      const began = performance.now()
      const all = await Promise.all(Array.from({ length: batch }, (_, index) => timed({ prompt: [...own, 300 + index], count })))
      const [first, last] = [Math.max(...all.map(({ times }) => times[0])), Math.max(...all.map(({ times }) => times.at(-1)))]
      return { prefill: first - began, steps: [(last - first) / count], rate: (batch * count * 1000) / (last - first) }
    }
    const { times, began, stats } = await timed({ prompt: own, count, target, ...(speculation && { speculation }) })
    return { prefill: times[0] - began, steps: times.slice(1).map((time, index) => time - times[index]), rate: stats.tokensPerSecond, stats }
  }
})
