import { bytesOf, inlineConstant, viewAs } from '@tenon/core'
import { rewrite } from '@tenon/graph'
import { Cast, DequantizeLinear, DynamicQuantizeLinear, Gather, MatMulInteger, Mul } from '@tenon/graph/ops'

/**
 * The `q8` of transformers.js, by the recipe of its own conversion script: weights per output channel in seven bits,
 * embedding tables per tensor in eight, activations per tensor. The arithmetic stands in tools/bench/README.md.
 */
export async function quantizeAsPeer(graph) {
  const constants = new Map()
  for (const { op, inputs } of graph.nodes) {
    const name = op === 'MatMul' ? inputs[1] : op === 'Gather' ? inputs[0] : undefined
    const constant = graph.constants.get(name)
    if (constant?.dtype !== 'float32' || constant.shape.length !== 2 || constants.has(name)) continue
    const values = viewAs('float32', await constant.bytes())
    constants.set(name, op === 'MatMul' ? perChannel(values, constant.shape) : perTensor(values, constant.shape))
  }
  const inputs = new Map()
  return rewrite(graph, ({ node, inputs: [first, second], builder }) => {
    if (node.op === 'MatMul' && constants.has(second.name)) {
      const { quantized, scale, zero } = added(builder, second.name, constants.get(second.name))
      if (!inputs.has(first)) inputs.set(first, builder.emit(DynamicQuantizeLinear, [first], {}, 3))
      const [values, inputScale, inputZero] = inputs.get(first)
      return Mul(Cast(MatMulInteger(values, quantized, inputZero, zero), { to: 'float32' }), Mul(inputScale, scale))
    }
    if (node.op === 'Gather' && constants.has(first.name)) {
      const { quantized, scale, zero } = added(builder, first.name, constants.get(first.name))
      return DequantizeLinear(Gather(quantized, second), scale, zero)
    }
    return undefined
  })
}

function added(builder, name, { quantized, scale, zero }) {
  return { quantized: builder.constant(quantized, `${name}_quantized`), scale: builder.constant(scale, `${name}_scale`), zero: builder.constant(zero, `${name}_zero_point`) }
}

const roundHalfToEven = (value) => {
  const floor = Math.floor(value)
  const rest = value - floor
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor
}
const clip = (value, low, high) => Math.min(high, Math.max(low, value))

/** [in, out] → int8 in −64 … 64, one scale per output. */
function perChannel(values, [rows, columns]) {
  const scales = new Float32Array(columns)
  for (let column = 0; column < columns; column++) {
    let largest = 0
    for (let row = 0; row < rows; row++) largest = Math.max(largest, Math.abs(values[row * columns + column]))
    scales[column] = largest === 0 ? 1 : Math.fround(largest + largest) / 128
  }
  const quantized = Int8Array.from(values, (value, index) => clip(roundHalfToEven(Math.fround(value / scales[index % columns])), -128, 127))
  return {
    quantized: atHand('int8', [rows, columns], quantized),
    scale: inlineConstant('float32', [columns], scales),
    zero: inlineConstant('int8', [columns], new Int8Array(columns)),
  }
}

/** A table → uint8, one scale and zero point. */
function perTensor(values, shape) {
  let [low, high] = [0, 0]
  for (const value of values) {
    low = Math.min(low, value)
    high = Math.max(high, value)
  }
  const step = Math.fround(high - low) / 255
  const zero = roundHalfToEven(0 - low / step)
  const scale = Math.fround(step)
  const quantized = Uint8Array.from(values, (value) => clip(roundHalfToEven(Math.fround(value / scale)) + zero, 0, 255))
  return {
    quantized: atHand('uint8', shape, quantized),
    scale: inlineConstant('float32', [], Float32Array.of(scale)),
    zero: inlineConstant('uint8', [], Uint8Array.of(zero)),
  }
}

const atHand = (dtype, shape, values) => ({ dtype, shape, byteLength: values.byteLength, bytes: async () => bytesOf(values) })
