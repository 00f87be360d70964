// The embedder that the benchmark measures with: all-MiniLM-L6-v2 on ONNX Runtime, from the packages of this
// workspace. Tasks and backends do not know one another; the cli is where they meet, so they are resolved from there.
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const { resolve } = createRequire(new URL('../../cli/package.json', import.meta.url))
const load = (name) => import(pathToFileURL(resolve(name)).href)

export default async function createEmbedder() {
  const [{ createRuntime }, { files }, { onnx }, { bert }, { embedding }, { directory }] = await Promise.all(
    ['core', 'checkpoint', 'backend-onnx', 'models/bert', 'task-embedding', 'model-all-minilm-l6-v2'].map((name) => load(`@tenon/${name}`)),
  )
  const runtime = createRuntime({ plugins: [files(), onnx(), bert(), embedding()] })
  const embed = await runtime.task('embedding', { model: directory })
  return Object.assign((texts, options) => embed(texts, options), {
    dimensions: embed.dimensions,
    maxLength: embed.maxLength,
    dispose: () => runtime.dispose(),
  })
}
