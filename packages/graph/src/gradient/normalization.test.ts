import { describe } from 'vitest'
import type { Value } from '../op.js'
import { LayerNormalization, LogSoftmax, SimplifiedLayerNormalization, SkipLayerNormalization, SkipSimplifiedLayerNormalization, Softmax } from '../ops/normalization.js'
import { agreeWithDifferences, numbers, type Differentiable } from './test-finite-differences.js'

const of = (compute: (x: Value) => Value): Differentiable => ({ feeds: { x: numbers('float64', [2, 3, 2]) }, build: ({ x }) => compute(x!) })
/** The last dimensions are hidden sizes, which are known. */
const scaled = (dtype: 'float32' | 'float64', compute: (x: Value, scale: Value, bias: Value) => Value | readonly Value[], hidden: readonly number[] = [4]): Differentiable => ({
  feeds: { x: numbers(dtype, [2, 3, 4], 1), scale: numbers(dtype, hidden, 2), bias: numbers(dtype, hidden, 3) },
  build: ({ x, scale, bias }) => compute(x!, scale!, bias!),
  fixed: { x: [2], scale: [0, 1], bias: [0, 1] },
})
const skipped = (definition: typeof SkipLayerNormalization | typeof SkipSimplifiedLayerNormalization, outputs: number): Differentiable => ({
  feeds: { x: numbers('float32', [2, 2, 4], 1), skip: numbers('float32', [2, 2, 4], 2), gamma: numbers('float32', [4], 3), bias: numbers('float32', [4], 4) },
  build: ({ x, skip, gamma, bias }) => {
    const inputs = definition === SkipLayerNormalization ? [x, skip, gamma, bias, bias] : [x, skip, gamma, bias]
    return x!.builder.emit(definition as never, inputs, {}, outputs).filter((_, index) => index === 0 || index === 3)
  },
  fixed: { x: [2], skip: [2], gamma: [0], bias: [0] },
})
const all = (definition: unknown, inputs: readonly Value[], attributes: object, outputs: number) => inputs[0]!.builder.emit(definition as never, inputs, attributes as never, outputs)

describe('gradients of normalization', () => {
  agreeWithDifferences({
    Softmax: of((x) => Softmax(x)),
    'Softmax in the middle': of((x) => Softmax(x, { axis: 1 })),
    LogSoftmax: of((x) => LogSoftmax(x)),
    'LogSoftmax along the first': of((x) => LogSoftmax(x, { axis: 0 })),
    LayerNormalization: scaled('float64', (x, scale, bias) => LayerNormalization(x, scale, bias)),
    'LayerNormalization of float32': scaled('float32', (x, scale, bias) => LayerNormalization(x, scale, bias)),
    'LayerNormalization without a bias': scaled('float64', (x, scale) => LayerNormalization(x, scale, undefined, { epsilon: 0.1 })),
    'LayerNormalization over two dimensions': { ...scaled('float64', (x, scale, bias) => LayerNormalization(x, scale, bias, { axis: 1 }), [3, 4]), fixed: { x: [1, 2], scale: [0, 1], bias: [0, 1] } },
    'LayerNormalization with its statistics': scaled('float32', (x, scale, bias) => all(LayerNormalization, [x, scale, bias], { epsilon: 0.1 }, 3)),
    'LayerNormalization of which only the deviation is used': scaled('float32', (x, scale) => all(LayerNormalization, [x, scale], { epsilon: 0.1 }, 3)[2]!),
    SimplifiedLayerNormalization: scaled('float64', (x, scale) => SimplifiedLayerNormalization(x, scale)),
    'SimplifiedLayerNormalization with its root': scaled('float32', (x, scale) => all(SimplifiedLayerNormalization, [x, scale], { epsilon: 0.1 }, 2)),
    SkipLayerNormalization: skipped(SkipLayerNormalization, 1),
    'SkipLayerNormalization with its sum': skipped(SkipLayerNormalization, 4),
    SkipSimplifiedLayerNormalization: skipped(SkipSimplifiedLayerNormalization, 4),
  })
})
