const types = { uint8: 0, int8: 1, uint16: 2, int16: 3, uint32: 4, int32: 5, float32: 6, bool: 7, string: 8, array: 9, uint64: 10, int64: 11, float64: 12 } as const

/** A value of the metadata with its type; a string or a list of strings says it by itself. */
export type TestValue = string | readonly string[] | readonly [type: keyof typeof types, value: unknown]

export interface TestTensor {
  readonly name: string
  /** ggml's: the rows' own length first. */
  readonly dimensions: readonly (number | bigint)[]
  /** Number of the type. Default: F32. */
  readonly type?: number
  /** Default: after the one before. */
  readonly offset?: number | bigint
  /** Default: zeros, 4 bytes a number. */
  readonly data?: Uint8Array
}

export interface TestFile {
  readonly magic?: string
  readonly version?: number
  readonly metadata?: readonly (readonly [string, TestValue])[]
  readonly tensors?: readonly TestTensor[]
  /** What the header claims. */
  readonly keyCount?: bigint
  readonly tensorCount?: bigint
  readonly alignment?: number
}

/** A GGUF file as bytes, which may be wrong in any way. */
export function ggufBytes({ magic = 'GGUF', version = 3, metadata = [], tensors = [], keyCount, tensorCount, alignment = 32 }: TestFile): Uint8Array {
  const parts: Buffer[] = []
  const put = (bytes: Uint8Array | string) => void parts.push(Buffer.from(bytes as string))
  const uint32 = (value: number) => put(Buffer.from(Uint32Array.of(value).buffer))
  const uint64 = (value: bigint | number) => put(Buffer.from(BigUint64Array.of(BigInt(value)).buffer))
  const text = (value: string) => {
    uint64(Buffer.byteLength(value))
    put(value)
  }
  const arrays = { uint8: Uint8Array, int8: Int8Array, uint16: Uint16Array, int16: Int16Array, uint32: Uint32Array, int32: Int32Array, float32: Float32Array, float64: Float64Array, bool: Uint8Array }
  const scalar = (type: keyof typeof types, value: unknown) => {
    if (type === 'string') text(String(value))
    else if (type === 'uint64' || type === 'int64') uint64(BigInt.asUintN(64, BigInt(value as number)))
    else if (type !== 'array') put(Buffer.from(arrays[type].of(Number(value)).buffer))
  }
  put(magic)
  uint32(version)
  uint64(tensorCount ?? tensors.length)
  uint64(keyCount ?? metadata.length)
  for (const [key, value] of metadata) {
    text(key)
    const [type, plain] = typeof value === 'string' ? (['string', value] as const) : value.length === 2 && Object.hasOwn(types, value[0]!) ? (value as readonly [keyof typeof types, unknown]) : (['string', value] as const)
    uint32(Array.isArray(plain) ? types.array : types[type])
    if (Array.isArray(plain)) {
      uint32(types[type])
      uint64(plain.length)
      for (const item of plain) scalar(type, item)
    } else scalar(type, plain)
  }
  let next = 0
  const datas: { readonly at: number; readonly data: Uint8Array }[] = []
  for (const { name, dimensions, type = 0, offset = next, data = new Uint8Array(4 * dimensions.reduce((product: number, size) => product * Math.min(Number(size), 1000), 1)) } of tensors) {
    text(name)
    uint32(dimensions.length)
    for (const size of dimensions) uint64(size)
    uint32(type)
    uint64(offset)
    datas.push({ at: Number(offset), data })
    next = Math.ceil((next + data.byteLength) / 32) * 32
  }
  const header = Buffer.concat(parts)
  const start = Math.ceil(header.length / alignment) * alignment
  const end = Math.max(0, ...datas.map(({ at, data }) => (at < 2 ** 20 ? at + data.byteLength : 0)))
  const file = Buffer.alloc(tensors.length === 0 ? header.length : start + end)
  header.copy(file)
  for (const { at, data } of datas) if (at < 2 ** 20) file.set(data, start + at)
  return file
}

/** Metadata that every model has. */
export const tinyMetadata: readonly (readonly [string, TestValue])[] = [
  ['general.architecture', 'llama'],
  ['llama.context_length', ['uint32', 16]],
  ['llama.embedding_length', ['uint32', 32]],
  ['llama.block_count', ['uint32', 1]],
  ['llama.feed_forward_length', ['uint32', 64]],
  ['llama.attention.head_count', ['uint32', 2]],
]
