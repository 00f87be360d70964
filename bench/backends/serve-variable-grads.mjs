import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { parameters, size, states, values } from './training-block.mjs'

// TensorFlow.js by itself, on wasm, as its users train: `variableGrads` of the same block.
const require = createRequire(new URL('../peers/package.json', import.meta.url))
const tf = require('@tensorflow/tfjs')
const wasm = require('@tensorflow/tfjs-backend-wasm')
wasm.setWasmPaths(`${dirname(require.resolve('@tensorflow/tfjs-backend-wasm/package.json'))}/dist/`)
await tf.setBackend('wasm')

const { batch, length, hidden, heads, epsilon } = size
const x = tf.tensor(states, [batch * length, hidden])
const w = Object.fromEntries(Object.entries(parameters).map(([name, shape]) => [name, tf.variable(tf.tensor(values[name], shape), true, name)]))
const linear = (name, input) => tf.add(tf.matMul(input, w[`${name}.weight`]), w[`${name}.bias`])
const split = (name) => tf.transpose(tf.reshape(linear(name, x), [batch, length, heads, hidden / heads]), [0, 2, 1, 3])
const norm = (name, input) => {
  const centred = tf.sub(input, tf.mean(input, -1, true))
  const variance = tf.mean(tf.square(centred), -1, true)
  return tf.add(tf.mul(tf.mul(centred, tf.rsqrt(tf.add(variance, epsilon))), w[`${name}.weight`]), w[`${name}.bias`])
}
const gelu = (input) => tf.mul(input, tf.mul(tf.add(tf.erf(tf.mul(input, Math.SQRT1_2)), 1), 0.5))

function loss() {
  const scores = tf.mul(tf.matMul(split('query'), split('key'), false, true), 1 / Math.sqrt(hidden / heads))
  const merged = tf.reshape(tf.transpose(tf.matMul(tf.softmax(scores), split('value')), [0, 2, 1, 3]), [batch * length, hidden])
  const attended = norm('norm1', tf.add(linear('output', merged), x))
  const y = norm('norm2', tf.add(linear('down', gelu(linear('up', attended))), attended))
  return tf.mean(tf.square(y))
}

const answers = {
  async step() {
    const began = performance.now()
    const { value, grads } = tf.variableGrads(loss)
    const all = { loss: value, ...grads }
    const read = Object.fromEntries(await Promise.all(Object.entries(all).map(async ([name, each]) => [name, await each.data()])))
    const milliseconds = performance.now() - began
    tf.dispose(all)
    return { milliseconds, read }
  },
}
process.on('message', async (message) => process.send(await answers[message.what](message)))
process.on('disconnect', () => process.exit(0))
