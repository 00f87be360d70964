import { createRequire } from 'node:module'
import { onnx } from '@tenon/backend-onnx'
import { tfjs } from '@tenon/backend-tfjs-gpu'

/** A backend on one device, by the name it has in tables. */
const makers = {
  'onnx/cpu': () => ({ backend: onnx({ devices: ['cpu'] }), device: 'cpu' }),
  'onnx/cuda': () => ({ backend: onnx({ devices: ['cuda'] }), device: 'cuda' }),
  'tfjs/gpu': () => ({ backend: tfjs({ devices: ['gpu'] }), device: 'gpu' }),
  'tfjs/native': () => ({ backend: tfjs({ devices: ['native'] }), device: 'native' }),
  'tfjs/wasm': () => ({ backend: tfjs({ devices: ['wasm'] }), device: 'wasm' }),
  'tfjs/cpu': () => ({ backend: tfjs({ devices: ['cpu'] }), device: 'cpu' }),
}

/** Those that this machine has. */
export async function available() {
  const found = await Promise.all(Object.entries(makers).map(async ([name, make]) => {
    const { backend, device } = make()
    const probe = await backend.probe()
    await backend.dispose?.()
    return probe.available && probe.devices.some((each) => each.device === device && each.available) ? [name] : []
  }))
  return found.flat()
}

/** @returns the backend, what its tasks may ask of it, and for TensorFlow.js a clock around its kernels. */
export async function open(name) {
  const { backend, device } = makers[name]()
  return { backend, options: {}, tensorflow: name.startsWith('tfjs/') ? timedKernels(device) : undefined }
}

/** Puts a clock around every kernel of a backend, before anything has looked them up. */
function timedKernels(device) {
  const require = createRequire(new URL('../../packages/backend-tfjs-gpu/package.json', import.meta.url))
  const tf = require('@tensorflow/tfjs-core')
  const backendName = { gpu: 'tensorflow', native: 'tensorflow' }[device] ?? device
  if (backendName !== 'tensorflow') require(`@tensorflow/tfjs-backend-${device}`)
  let [kernels, calls, depth] = [0, 0, 0]
  for (const kernel of tf.getKernelsForBackend(backendName)) {
    const { kernelName, kernelFunc } = kernel
    tf.unregisterKernel(kernelName, backendName)
    tf.registerKernel({
      ...kernel,
      kernelFunc(call) {
        const began = performance.now()
        depth++
        try {
          return kernelFunc(call)
        } finally {
          depth--
          calls++
          if (depth === 0) kernels += performance.now() - began // kernels that call others count once
        }
      },
    })
  }
  return {
    reset: () => void ([kernels, calls] = [0, 0]),
    spent: () => ({ kernels, calls }),
  }
}
