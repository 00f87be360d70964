// How well a model expects a text:
//   node bench/perplexity/run-perplexity.mjs model.gguf text.txt [--window 512] [--windows 4] [--dequantize] [--compress '{"bits":4}'] [--ids ids.json]
// --ids keeps the tokens, for tools/bench/perplexity.py to ask PyTorch and perplexity_llama.py to ask llama.cpp. Each window begins anew; its
// first token is not counted. A GGUF's own blocks with finer activations: --compress '{"smallest":1e99,"activations":"int16"}'
import { readFile, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { window: { type: 'string', default: '512' }, windows: { type: 'string', default: '4' }, compress: { type: 'string' }, dequantize: { type: 'boolean', default: false }, ids: { type: 'string' } },
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
  const runtime = createRuntime({ plugins: [files({ dequantize: values.dequantize }), onnx(), weightOnly(), ...decoders(), scoring] })
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

const { windows, logprobs } = await byTenon(await readFile(textFile, 'utf8'))
if (values.ids !== undefined) await writeFile(values.ids, JSON.stringify(windows))
console.log(JSON.stringify({ model, tokens: logprobs.length, tenon: perplexity(logprobs) }, null, 2))
