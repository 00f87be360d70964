import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { bytesOf, inlineConstant, lazyConstant } from '@tenon/core'
import { defineOp, GraphBuilder, integers, scalar } from '@tenon/graph'
import { writeOnnx } from '@tenon/graph/onnx'
import { Add, Cast, DequantizeLinear, DynamicQuantizeLinear, Gather, MatMulInteger, MatMulNBits, Mul, ReduceSum, Shape, Sigmoid, SimplifiedLayerNormalization, Squeeze, Sub } from '@tenon/graph/ops'
import { matrices } from './shapes.mjs'

/** As these exports use it: the cache grows by what is new, in a tensor of its own. */
const GrowingAttention = defineOp('com.microsoft::GroupQueryAttention', {
  since: 1,
  inputs: ['query', 'key', 'value', 'past_key', 'past_value', 'seqlens_k', 'total_sequence_length', 'cos_cache', 'sin_cache'],
  outputs: ['output', 'present_key', 'present_value'],
  attributes: { num_heads: { type: 'int', required: true }, kv_num_heads: { type: 'int', required: true }, do_rotary: { type: 'int', default: 0 } },
  infer: ([query, , , past]) => [query, ...[0, 1].map(() => ({ dtype: 'float32', shape: past.shape.with(2, 'total_sequence_length') }))],
})

const BLOCK = 32

/**
 * A decoder as it is exported for transformers.js, in its `q4` and its `q8`: GroupQueryAttention over a cache that goes in and
 * comes out; MatMulNBits in blocks of 32, symmetric, with no accuracy level set; or DynamicQuantizeLinear and MatMulInteger
 * with unsigned weights per tensor, since the graph holds GroupQueryAttention.
 */
export async function writePeer(folder, { biases, ...config }) {
  for (const [dtype, file] of [['q4', 'model_q4.onnx'], ['q8', 'model_quantized.onnx']]) {
    await writeOnnx(peerDecoder({ ...config, biases }, dtype), join(folder, 'onnx', file))
  }
  await writeFile(join(folder, 'config.json'), JSON.stringify({ ...config, architectures: ['Qwen2ForCausalLM'], eos_token_id: 257, 'transformers.js_config': { use_external_data_format: true } }))
}

function peerDecoder(config, dtype) {
  const { hidden_size: hidden, num_attention_heads: heads, num_key_value_heads: kvHeads, num_hidden_layers: layers, vocab_size: vocabulary, rms_norm_eps: epsilon, max_position_embeddings: positions } = config
  const size = hidden / heads
  const builder = new GraphBuilder('main_graph')
  let state = 0x9e3779b9
  const next = () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
  const bytes = (type, shape) => lazyConstant(type, shape, async () => new Uint8Array(Uint32Array.from({ length: shape.reduce((product, each) => product * each, 1) / 4 }, next).buffer))
  const floats = (shape, of) => lazyConstant('float32', shape, async () => bytesOf(Float32Array.from({ length: shape.reduce((product, each) => product * each, 1) }, of)))
  const zero = () => inlineConstant('uint8', [], Uint8Array.of(128))

  const quantized = new Map()
  const linear = (path, x, columns, bias) => {
    const inner = x.shape.at(-1)
    const product = dtype === 'q4'
      ? MatMulNBits(x, builder.constant(bytes('uint8', [columns, inner / BLOCK, BLOCK / 2]), `${path}.weight_Q4`), builder.constant(floats([columns, inner / BLOCK], () => 0.0025), `${path}.weight_scales`), undefined, undefined, undefined, { N: columns, K: inner, bits: 4, block_size: BLOCK })
      : integer(path, x, inner, columns)
    return bias ? Add(product, builder.constant(floats([columns], () => 0.01), `${path}.bias`)) : product
  }
  const integer = (path, x, inner, columns) => {
    if (!quantized.has(x)) quantized.set(x, builder.emit(DynamicQuantizeLinear, [x], {}, 3))
    const [values, scale, zeroPoint] = quantized.get(x)
    const product = MatMulInteger(values, builder.constant(bytes('uint8', [inner, columns]), `${path}.weight_quantized`), zeroPoint, builder.constant(zero(), `${path}.weight_zero_point`))
    return Mul(Cast(product, { to: 'float32' }), Mul(scale, builder.constant(inlineConstant('float32', [], Float32Array.of(0.00032)), `${path}.weight_scale`)))
  }
  const norm = (path, x) => SimplifiedLayerNormalization(x, builder.constant(floats([hidden], () => 1), `${path}.weight`), { epsilon })

  const ids = builder.input('input_ids', 'int64', ['batch_size', 'sequence_length'])
  const mask = builder.input('attention_mask', 'int64', ['batch_size', 'total_sequence_length'])
  const past = Array.from({ length: layers }, (_, layer) => ['key', 'value'].map((part) => builder.input(`past_key_values.${layer}.${part}`, 'float32', ['batch_size', kvHeads, 'past_sequence_length', size])))
  const last = Cast(Sub(ReduceSum(mask, integers(mask, [1]), { keepdims: 0 }), scalar(mask, 1)), { to: 'int32' })
  const total = Cast(Squeeze(Shape(mask, { start: 1, end: 2 })), { to: 'int32' })
  const angles = (of) => builder.constant(floats([positions, size / 2], (_, index) => of(Math.floor(index / (size / 2)) * config.rope_theta ** ((-2 * (index % (size / 2))) / size))), of.name)
  const [cosines, sines] = [angles(Math.cos), angles(Math.sin)]

  let x = dtype === 'q4'
    ? Gather(builder.constant(floats([vocabulary, hidden], () => (next() / 2 ** 32 - 0.5) * 0.07), 'model.embed_tokens.weight'), ids)
    : DequantizeLinear(Gather(builder.constant(bytes('uint8', [vocabulary, hidden]), 'model.embed_tokens.weight_quantized'), ids), builder.constant(inlineConstant('float32', [], Float32Array.of(0.00032)), 'embed_scale'), builder.constant(zero(), 'embed_zero_point'))
  for (let layer = 0; layer < layers; layer++) {
    const [q, k, v, o, gate, up, down] = matrices(config).map(({ path, shape, bias }) => (y) => linear(`model.layers.${layer}.${path}`, y, shape[0], bias))
    const normed = norm(`model.layers.${layer}.input_layernorm`, x)
    const [mixed, key, value] = builder.emit(GrowingAttention, [q(normed), k(normed), v(normed), ...past[layer], last, total, cosines, sines], { num_heads: heads, kv_num_heads: kvHeads, do_rotary: 1 }, 3)
    builder.output(`present.${layer}.key`, key)
    builder.output(`present.${layer}.value`, value)
    x = Add(x, o(mixed))
    const inner = norm(`model.layers.${layer}.post_attention_layernorm`, x)
    const gated = gate(inner)
    x = Add(x, down(Mul(Mul(gated, Sigmoid(gated)), up(inner))))
  }
  builder.output('logits', linear('lm_head', norm('model.norm', x), vocabulary, false))
  return builder.build()
}
