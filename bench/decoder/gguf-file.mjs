import { open } from 'node:fs/promises'

const types = { uint32: 4, float32: 6, bool: 7, string: 8, array: 9, int32: 5 }
const ALIGNMENT = 32

/** Types of tensors: their code, how many numbers a block holds, and its bytes. */
const tensorTypes = { F32: { code: 0, block: 1, bytes: 4 }, Q4_0: { code: 2, block: 32, bytes: 18 }, Q8_0: { code: 8, block: 32, bytes: 34 } }

export const byteLength = ({ type, shape }) => (shape.reduce((product, size) => product * size, 1) / tensorTypes[type].block) * tensorTypes[type].bytes

class Bytes {
  parts = []
  length = 0
  push(bytes) {
    this.parts.push(bytes)
    this.length += bytes.byteLength
  }
  number(bytes, set) {
    const view = new DataView(new ArrayBuffer(bytes))
    set(view)
    this.push(new Uint8Array(view.buffer))
  }
  uint32 = (value) => this.number(4, (view) => view.setUint32(0, value, true))
  int32 = (value) => this.number(4, (view) => view.setInt32(0, value, true))
  float32 = (value) => this.number(4, (view) => view.setFloat32(0, value, true))
  uint64 = (value) => this.number(8, (view) => view.setBigUint64(0, BigInt(value), true))
  bool = (value) => this.push(Uint8Array.of(value ? 1 : 0))
  string = (value) => {
    const bytes = Buffer.from(value)
    this.uint64(bytes.byteLength)
    this.push(bytes)
  }
}

/**
 * Writes a GGUF file, version 3.
 * @param {Record<string, { type: keyof types, value: unknown } | { type: 'array', of: keyof types, value: readonly unknown[] }>} metadata
 * @param {readonly { name: string, type: keyof tensorTypes, shape: readonly number[], bytes: () => Uint8Array }[]} tensors Shapes with the outermost dimension first.
 */
export async function writeGguf(path, metadata, tensors) {
  const head = new Bytes()
  head.push(Buffer.from('GGUF'))
  head.uint32(3)
  head.uint64(tensors.length)
  head.uint64(Object.keys(metadata).length)
  for (const [key, { type, of, value }] of Object.entries(metadata)) {
    head.string(key)
    head.uint32(types[type])
    if (type !== 'array') {
      head[type](value)
      continue
    }
    head.uint32(types[of])
    head.uint64(value.length)
    for (const each of value) head[of](each)
  }
  let offset = 0
  for (const tensor of tensors) {
    head.string(tensor.name)
    head.uint32(tensor.shape.length)
    for (const size of tensor.shape.toReversed()) head.uint64(size)
    head.uint32(tensorTypes[tensor.type].code)
    head.uint64(offset)
    offset += padded(byteLength(tensor))
  }
  const file = await open(path, 'wx')
  try {
    await file.writeFile(Buffer.concat(head.parts))
    await file.writeFile(new Uint8Array(padded(head.length) - head.length))
    for (const tensor of tensors) {
      const bytes = tensor.bytes()
      await file.writeFile(bytes)
      await file.writeFile(new Uint8Array(padded(bytes.byteLength) - bytes.byteLength))
    }
  } finally {
    await file.close()
  }
}

const padded = (length) => Math.ceil(length / ALIGNMENT) * ALIGNMENT
