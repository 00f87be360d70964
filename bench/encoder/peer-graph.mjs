import { bytesOf, inlineConstant, lazyConstant, viewAs } from '@tenon/core'
import { defineOp, GraphBuilder, integers, scalar } from '@tenon/graph'
import { Add, Concat, Div, Erf, Expand, Equal, Gather, MatMul, Mul, Pow, Reshape, Shape, Slice, Softmax, Sqrt, Sub, Transpose, Unsqueeze, Where } from '@tenon/graph/ops'

/** optimum's default for BERT. ONNX Runtime fuses differently in later ones. */
export const PEER_OPSET = 14

/** As it was up to operator set 17, with its axes as an attribute. */
const ReduceMean = defineOp('ReduceMean', {
  since: 13,
  inputs: ['data'],
  attributes: { axes: { type: 'ints', required: true } },
  infer: ([x], { axes }) => ({ dtype: x.dtype, shape: x.shape.map((size, axis) => (axes.includes(axis - x.shape.length) ? 1 : size)) }),
})

/**
 * BERT as optimum exports it for transformers.js: standard operators only, layer norms and GELU in pieces, weights
 * transposed, both factors of attention scaled by the square root of its scale. See tools/bench/README.md.
 * @param {Map<string, import('@tenon/core').Constant>} weights
 */
export function peerGraph(config, weights) {
  const builder = new GraphBuilder('main_graph')
  const { hidden_size: hidden, num_attention_heads: heads, num_hidden_layers: layers, layer_norm_eps: epsilon } = config
  const headSize = hidden / heads
  const shape = ['batch_size', 'sequence_length']
  const [ids, mask, segments] = ['input_ids', 'attention_mask', 'token_type_ids'].map((name) => builder.input(name, 'int64', shape))

  const parameters = new Map()
  const parameter = (path, constant = weights.get(path)) => {
    if (!parameters.has(path)) parameters.set(path, builder.constant(constant, path))
    return parameters.get(path)
  }
  const linear = (path, x) => Add(parameter(`${path}.bias`), MatMul(x, parameter(`${path}.weight`, transposed(weights.get(`${path}.weight`)))))
  const layerNorm = (path, x) => {
    const centred = Sub(x, ReduceMean(x, { axes: [-1] }))
    const variance = ReduceMean(Pow(centred, scalar(x, 2)), { axes: [-1] })
    return Add(Mul(Div(centred, Sqrt(Add(variance, scalar(x, epsilon)))), parameter(`${path}.weight`)), parameter(`${path}.bias`))
  }
  const gelu = (x) => Mul(Mul(x, Add(Erf(Div(x, scalar(x, Math.SQRT2))), scalar(x, 1))), scalar(x, 0.5))

  const size = (axis) => Gather(Shape(ids), integers(ids, [axis]))
  const positions = Slice(parameter('embeddings.position_embeddings.weight'), integers(ids, [0]), size(1), integers(ids, [0]))
  const embedded = Add(Add(Gather(parameter('embeddings.word_embeddings.weight'), ids), Gather(parameter('embeddings.token_type_embeddings.weight'), segments)), positions)
  let x = layerNorm('embeddings.LayerNorm', embedded)

  // [batch, 1, sequence, sequence], 0 or the lowest float
  const wide = Concat([size(0), integers(ids, [1]), size(1), size(1)], { axis: 0 })
  const seen = Expand(Unsqueeze(mask, integers(mask, [1, 2])), wide)
  const bias = Where(Equal(seen, scalar(mask, 0)), builder.constant(inlineConstant('float32', [], Float32Array.of(-3.4028234663852886e38))), builder.constant(inlineConstant('float32', [], Float32Array.of(0))))

  const split = (y, perm) => Transpose(Reshape(y, integers(y, [0, -1, heads, headSize])), { perm })
  const root = Math.sqrt(1 / Math.sqrt(headSize))
  for (let layer = 0; layer < layers; layer++) {
    const path = `encoder.layer.${layer}`
    const query = Mul(split(linear(`${path}.attention.self.query`, x), [0, 2, 1, 3]), scalar(x, root))
    const key = Mul(split(linear(`${path}.attention.self.key`, x), [0, 2, 3, 1]), scalar(x, root))
    const value = split(linear(`${path}.attention.self.value`, x), [0, 2, 1, 3])
    const mixed = MatMul(Softmax(Add(MatMul(query, key), bias)), value)
    const merged = Reshape(Transpose(mixed, { perm: [0, 2, 1, 3] }), integers(x, [0, -1, hidden]))
    x = layerNorm(`${path}.attention.output.LayerNorm`, Add(linear(`${path}.attention.output.dense`, merged), x))
    const inner = gelu(linear(`${path}.intermediate.dense`, x))
    x = layerNorm(`${path}.output.LayerNorm`, Add(linear(`${path}.output.dense`, inner), x))
  }
  builder.output('last_hidden_state', x)
  return builder.build()
}

function transposed(constant) {
  const [rows, columns] = constant.shape
  return lazyConstant('float32', [columns, rows], async () => {
    const source = viewAs('float32', await constant.bytes())
    const result = new Float32Array(source.length)
    for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++) result[column * rows + row] = source[row * columns + column]
    return bytesOf(result)
  })
}
