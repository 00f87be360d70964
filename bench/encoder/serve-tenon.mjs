import { serve } from '../serve.mjs'

const [folder] = process.argv.slice(2)

serve(async () => {
  const [{ createRuntime }, { files }, { onnx }, { bert }, { embedding }] = await Promise.all([
    import('@tenon/core'),
    import('@tenon/checkpoint'),
    import('@tenon/backend-onnx'),
    import('@tenon/models/bert'),
    import('@tenon/task-embedding'),
  ])
  const runtime = createRuntime({ plugins: [files(), onnx(), bert(), embedding()] })
  return runtime.task('embedding', { model: folder })
})
