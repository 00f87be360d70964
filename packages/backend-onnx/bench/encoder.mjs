// An encoder of all-MiniLM-L6-v2's shape (or of BERT-base's) with random weights, as a graph of standard operators.
import { closeSync, openSync, readSync, writeSync } from 'node:fs'

export const shapes = {
  minilm: { layers: 6, width: 384, heads: 12, inner: 1536, vocabulary: 30_522, positions: 512 },
  'bert-base': { layers: 12, width: 768, heads: 12, inner: 3072, vocabulary: 30_522, positions: 512 },
}

/** Weights are written to a file once, behind a header whose length nothing divides, as in a checkpoint. */
export function encoder(name, path, { write = false, computed = false } = {}) {
  const { layers, width, heads, inner, vocabulary, positions } = shapes[name]
  const constants = new Map()
  const nodes = []
  const file = openSync(path, write ? 'w' : 'r')
  let end = 1234
  let seed = 1
  const weight = (id, ...shape) => {
    const offset = end
    const count = shape.reduce((product, size) => product * size, 1)
    if (write) {
      const values = new Float32Array(count)
      for (let index = 0; index < count; index++) {
        seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) | 0
        values[index] = (seed / 2 ** 31) * 0.035
      }
      writeSync(file, new Uint8Array(values.buffer), 0, count * 4, offset)
    }
    end = offset + count * 4
    const bytes = async () => {
      const buffer = new Uint8Array(count * 4)
      const handle = openSync(path, 'r')
      readSync(handle, buffer, 0, buffer.byteLength, offset)
      closeSync(handle)
      return buffer
    }
    constants.set(id, { dtype: 'float32', shape, byteLength: count * 4, bytes, ...(computed ? {} : { file: { path, offset } }) })
    return id
  }
  const constant = (id, dtype, shape, values) => {
    const inline = new Uint8Array(values.buffer)
    constants.set(id, { dtype, shape, byteLength: inline.byteLength, inline, bytes: async () => inline })
    return id
  }
  const op = (type, inputs, attributes = {}) => {
    const output = `v${nodes.length}`
    nodes.push({ op: type, inputs, outputs: [output], attributes })
    return output
  }
  const integers = (id, ...values) => constant(id, 'int64', [values.length], BigInt64Array.from(values, BigInt))
  const scalar = (id, value) => constant(id, 'float32', [], Float32Array.of(value))
  const linear = (x, id, from, to) => op('Add', [op('MatMul', [x, weight(`${id}.weight`, from, to)]), weight(`${id}.bias`, to)])
  const norm = (x, id) => op('LayerNormalization', [x, weight(`${id}.weight`, width), weight(`${id}.bias`, width)], { axis: -1, epsilon: 1e-12 })

  const words = op('Gather', [weight('words', vocabulary, width), 'input_ids'])
  const types = op('Gather', [weight('types', 2, width), 'token_type_ids'])
  const sequence = op('Shape', ['input_ids'], { start: 1, end: 2 })
  const places = op('Slice', [weight('positions', positions, width), integers('zero', 0), sequence, 'zero'])
  let x = norm(op('Add', [op('Add', [words, types]), places]), 'norm')
  const absent = op('Sub', [scalar('one', 1), op('Cast', ['attention_mask'], { to: 'float32' })])
  const mask = op('Unsqueeze', [op('Mul', [absent, scalar('lowest', -1e9)]), integers('axes', 1, 2)])
  const split = integers('split', 0, 0, heads, width / heads)
  const join = integers('join', 0, 0, width)
  const scale = scalar('scale', Math.sqrt(heads / width))
  for (let layer = 0; layer < layers; layer++) {
    const part = (id, perm) => op('Transpose', [op('Reshape', [linear(x, `${layer}.${id}`, width, width), split])], { perm })
    const scores = op('Mul', [op('MatMul', [part('query', [0, 2, 1, 3]), part('key', [0, 2, 3, 1])]), scale])
    const attended = op('MatMul', [op('Softmax', [op('Add', [scores, mask])], { axis: -1 }), part('value', [0, 2, 1, 3])])
    const joined = op('Reshape', [op('Transpose', [attended], { perm: [0, 2, 1, 3] }), join])
    x = norm(op('Add', [x, linear(joined, `${layer}.output`, width, width)]), `${layer}.norm1`)
    const hidden = op('Gelu', [linear(x, `${layer}.up`, width, inner)])
    x = norm(op('Add', [x, linear(hidden, `${layer}.down`, inner, width)]), `${layer}.norm2`)
  }
  closeSync(file)
  const ids = (id) => ({ name: id, dtype: 'int64', shape: ['batch', 'sequence'] })
  return {
    name,
    inputs: ['input_ids', 'attention_mask', 'token_type_ids'].map(ids),
    outputs: [{ name: x, dtype: 'float32', shape: ['batch', 'sequence', width] }],
    nodes,
    constants,
  }
}
