/**
 * The program of a worker thread, as text: it needs no file that would have to be found from sources, ES modules,
 * CommonJS and bundles alike, and no build step rewrites it. The messages are those of protocol.ts.
 */
export const workerSource = `
'use strict'
const { parentPort, workerData } = require('node:worker_threads')
// Where there are arrays of 16-bit floats, onnxruntime-node 1.30 makes them, and its native half reads nothing from them.
delete globalThis.Float16Array
let session

async function answer(request) {
  const ort = require(workerData)
  if (request.kind === 'load') return [{ version: ort.env.versions.node }, []]
  if (request.kind === 'open') {
    session = await ort.InferenceSession.create(request.bytes, request.options)
    return [{}, []]
  }
  const feeds = {}
  for (const [name, { type, dims, data }] of Object.entries(request.feeds)) feeds[name] = new ort.Tensor(type, data, dims)
  const results = await session.run(feeds, request.outputs)
  const outputs = request.outputs.map((name) => {
    const { type, dims, data } = results[name]
    return { type, dims, bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) }
  })
  return [{ outputs }, [...new Set(outputs.map(({ bytes }) => bytes.buffer))]]
}

parentPort.on('message', (request) => {
  answer(request).then(
    ([reply, transfer]) => parentPort.postMessage({ ...reply, id: request.id }, transfer),
    (error) => parentPort.postMessage({ id: request.id, error: error instanceof Error ? error.message : String(error) }),
  )
})
`
