import { createRuntime } from '@tenon/core'
import { onnx } from '@tenon/backend-onnx'
import { files } from '@tenon/checkpoint'
import { directory } from '@tenon/model-all-minilm-l6-v2'
import { bert } from '@tenon/models/bert'
import { embedding } from '@tenon/task-embedding'
import { afterAll, describe, expect, it } from 'vitest'
import { tfjs } from './index.js'
import { load, testedDevices } from './testing/devices.js'

const runtime = createRuntime({ plugins: [files(), onnx({ threads: 2 }), tfjs({ devices: testedDevices, load }), bert(), embedding()] })
afterAll(() => runtime.dispose())

const texts = ['A man is playing the guitar', 'Somebody makes music', 'The stock market fell sharply today']

describe.each(testedDevices.filter((device) => device !== 'cpu'))('the packaged model, quantised to 8 bits, on %s', (device) => {
  it('gives the vectors that ONNX Runtime does', async () => {
    const [ours, theirs] = [await runtime.task('embedding', { model: directory, backend: { name: 'tfjs', device } }), await runtime.task('embedding', { model: directory, backend: 'onnx' })]
    const [actual, expected] = [await ours(texts), await theirs(texts)]
    const cosine = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, index) => sum + value * b[index]!, 0)
    // A number in the middle between two steps goes to either; steps are 1/255 of a layer's range.
    for (const [index, vector] of actual.entries()) expect(cosine(vector, expected[index]!)).toBeGreaterThan(0.999)
    expect(cosine(actual[0]!, actual[1]!)).toBeGreaterThan(cosine(actual[0]!, actual[2]!))
  })
})
