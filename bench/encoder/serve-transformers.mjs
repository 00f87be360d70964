import { basename, dirname } from 'node:path'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { serve } from '../serve.mjs'

const [folder, dtype] = process.argv.slice(2)

serve(async () => {
  const require = createRequire(new URL('../peers/package.json', import.meta.url))
  const { env, pipeline } = await import(pathToFileURL(require.resolve('@huggingface/transformers').replace(/\.cjs$/, '.mjs')).href)
  env.allowRemoteModels = false
  env.localModelPath = dirname(folder)
  const extract = await pipeline('feature-extraction', basename(folder), { dtype })
  return async (texts) => {
    const output = await extract(texts, { pooling: 'mean', normalize: true })
    const [rows, columns] = output.dims
    return Array.from({ length: rows }, (_, row) => output.data.slice(row * columns, (row + 1) * columns))
  }
})
