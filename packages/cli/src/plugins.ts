import type { Backend } from '@tenon/core'
import { optionalBackend, type DeviceOption } from './optional-backend.js'

/** Where models come from and what families are known, for every command that opens one. @param dequantize Whether weights stored in few bits become floats. */
export async function modelPlugins(dequantize = false) {
  const [{ files, hub }, { encoders }] = await Promise.all([import('@tenon/checkpoint'), import('@tenon/models')])
  return [files({ dequantize }), hub({ dequantize }), ...encoders()] as const
}

/** What models run on: what comes with the command, and what was installed beside it or else says how to. */
export async function backendPlugins() {
  const [{ onnx }, tensorFlow] = await Promise.all([
    import('@tenon/backend-onnx'),
    optionalBackend('tfjs', '@tenon/backend-tfjs-gpu', async () => (await import('@tenon/backend-tfjs-gpu')).tfjs()),
  ])
  return [onnx({ devices: ['cpu', 'cuda', 'tensorrt'] }) as Backend<'onnx', DeviceOption>, tensorFlow] as const
}
