import { basename, dirname } from 'node:path'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { serve } from './serve.mjs'

const [folder, dtype] = process.argv.slice(2)

serve(async () => {
  const require = createRequire(new URL('../peers/package.json', import.meta.url))
  const { AutoModelForCausalLM, env, Tensor } = await import(pathToFileURL(require.resolve('@huggingface/transformers').replace(/\.cjs$/, '.mjs')).href)
  env.allowRemoteModels = false
  env.localModelPath = dirname(folder)
  const model = await AutoModelForCausalLM.from_pretrained(basename(folder), { dtype })
  return async ({ prompt, count }) => {
    const tensor = (values) => new Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length])
    const times = []
    const streamer = { put: () => times.push(performance.now()), end: () => undefined }
    const began = performance.now()
    await model.generate({ inputs: tensor(prompt), attention_mask: tensor(prompt.map(() => 1)), max_new_tokens: count + 1, do_sample: false, streamer })
    const tokens = times.slice(-(count + 1)) // the prompt is put first
    return { prefill: tokens[0] - began, steps: tokens.slice(1).map((time, index) => time - tokens[index]) }
  }
})
