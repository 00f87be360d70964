import { tensor } from '@tenon/core'
import { GraphBuilder, integers, scalar } from '@tenon/graph'
import { gradient } from '@tenon/graph/gradient'
import { Add, Gelu, Gemm, LayerNormalization, MatMul, Mul, ReduceMean, Reshape, Softmax, Transpose } from '@tenon/graph/ops'
import { numbers } from './encoders.mjs'

/** One block of an encoder, 8 texts of 128 tokens: the size of facts that others measured. */
export const size = { batch: 8, length: 128, hidden: 384, heads: 12, wide: 1536, epsilon: 1e-12 }

const { batch, length, hidden, heads, wide, epsilon } = size

/** In the order in which the block reads them. Weights are [in, out]. */
export const parameters = Object.fromEntries([
  ...['query', 'key', 'value', 'output'].flatMap((name) => [[`${name}.weight`, [hidden, hidden]], [`${name}.bias`, [hidden]]]),
  ['norm1.weight', [hidden]], ['norm1.bias', [hidden]],
  ['up.weight', [hidden, wide]], ['up.bias', [wide]],
  ['down.weight', [wide, hidden]], ['down.bias', [hidden]],
  ['norm2.weight', [hidden]], ['norm2.bias', [hidden]],
])

/** What both sides start from. */
export const values = Object.fromEntries(Object.entries(parameters).map(([name, shape], seed) => {
  const made = numbers(shape.reduce((a, b) => a * b, 1), seed + 1, 0.05)
  return [name, /^norm\d\.weight$/.test(name) ? made.map((value) => value + 1) : made]
}))
export const states = numbers(batch * length * hidden, 99, 1)

/** The mean of the squares of what the block gives, and its gradient by every parameter, as one graph. */
export function trainingGraph() {
  const builder = new GraphBuilder('gradient step')
  const x = builder.input('states', 'float32', [batch * length, hidden])
  const w = Object.fromEntries(Object.entries(parameters).map(([name, shape]) => [name, builder.input(name, 'float32', shape)]))
  const linear = (name, input) => Gemm(input, w[`${name}.weight`], w[`${name}.bias`])
  const norm = (name, input) => LayerNormalization(input, w[`${name}.weight`], w[`${name}.bias`], { epsilon })
  const split = (name, perm) => Transpose(Reshape(linear(name, x), integers(x, [batch, length, heads, hidden / heads])), { perm })
  const scores = Mul(MatMul(split('query', [0, 2, 1, 3]), split('key', [0, 2, 3, 1])), scalar(x, 1 / Math.sqrt(hidden / heads))) // [batch, heads, length, length]
  const mixed = MatMul(Softmax(scores), split('value', [0, 2, 1, 3])) // [batch, heads, length, size]
  const merged = Reshape(Transpose(mixed, { perm: [0, 2, 1, 3] }), integers(x, [-1, hidden]))
  const attended = norm('norm1', Add(linear('output', merged), x))
  const y = norm('norm2', Add(linear('down', Gelu(linear('up', attended))), attended))
  builder.output('loss', ReduceMean(Mul(y, y), undefined, { keepdims: 0 }))
  return gradient(builder.build(), { of: 'loss', withRespectTo: Object.keys(parameters) })
}

export const trainingFeeds = () => ({
  states: tensor('float32', [batch * length, hidden], states),
  ...Object.fromEntries(Object.entries(parameters).map(([name, shape]) => [name, tensor('float32', shape, values[name])])),
})
