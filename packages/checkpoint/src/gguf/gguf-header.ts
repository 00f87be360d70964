import { InvalidFileError } from '@tenon/core'
import { tensorTypeOf, type TensorType } from './tensor-types.js'
import { TextList } from './text-list.js'

/** A value of the metadata. Arrays are not read with the header: a vocabulary is its largest part, and not everybody asks for it. */
export type GgufValue = number | bigint | boolean | string | GgufArray

/** Where an array of the metadata lies in the file. */
export interface GgufArray {
  readonly items: ScalarType
  readonly length: number
  readonly offset: number
  readonly byteLength: number
}

/** What an array holds, once it is read. */
export type GgufItems = TextList | readonly number[] | readonly boolean[]

export interface GgufTensor {
  readonly name: string
  readonly type: TensorType
  /** Row-major, the rows' own length last: ggml's dimensions in reverse. */
  readonly shape: readonly number[]
  /** Of its first byte, in the file. */
  readonly offset: number
  readonly byteLength: number
}

export interface GgufHeader {
  readonly version: number
  readonly metadata: ReadonlyMap<string, GgufValue>
  readonly tensors: ReadonlyMap<string, GgufTensor>
}

export type ScalarType = 'uint8' | 'int8' | 'uint16' | 'int16' | 'uint32' | 'int32' | 'float32' | 'bool' | 'string' | 'uint64' | 'int64' | 'float64'

/** By their numbers in the file. */
const valueTypes: readonly (ScalarType | 'array')[] = ['uint8', 'int8', 'uint16', 'int16', 'uint32', 'int32', 'float32', 'bool', 'string', 'array', 'uint64', 'int64', 'float64']

const widths: Readonly<Record<Exclude<ScalarType, 'string'>, number>> = { uint8: 1, int8: 1, uint16: 2, int16: 2, uint32: 4, int32: 4, float32: 4, bool: 1, uint64: 8, int64: 8, float64: 8 }

/** What a header may hold: far more than any published model has, and little enough to be read into memory. */
export const limits = {
  header: 256 * 2 ** 20,
  keys: 2 ** 14,
  tensors: 2 ** 16,
  items: 2 ** 22,
  string: 16 * 2 ** 20,
  /** The format's own. */
  keyLength: 2 ** 16 - 1,
  /** The format's own (GGML_MAX_NAME). */
  nameLength: 64,
  /** The format's own (GGML_MAX_DIMS). */
  dimensions: 4,
}

/** Where data begins, unless `general.alignment` says otherwise (GGUF_DEFAULT_ALIGNMENT). */
const usualAlignment = 32

/** The bytes at hand end within the header, and the file goes on. */
export class HeaderGoesOn extends Error {}

/**
 * Parses and checks what stands before the data, of versions 2 and 3. Format: docs/gguf.md of ggml.
 * @param bytes The file's beginning.
 * @param size Of the whole file.
 * @throws HeaderGoesOn where more of the file must be read first.
 * @throws InvalidFileError which says what is wrong with what; `path` is for its message.
 */
export function parseGgufHeader(path: string, bytes: Uint8Array, size: number): GgufHeader {
  const fail = (problem: string, remedy?: string) => new InvalidFileError({ path, problem, ...(remedy !== undefined && { remedy }) })
  const reader = new Reader(bytes, size, fail)
  const version = versionOf(reader, fail)
  const tensorCount = reader.count(limits.tensors, 'tensors')
  const keyCount = reader.count(limits.keys, 'keys')

  const metadata = new Map<string, GgufValue>()
  for (let index = 0; index < keyCount; index++) {
    const key = reader.name(limits.keyLength, 'a key')
    if (metadata.has(key)) throw fail(`has the key '${key}' twice`)
    metadata.set(key, valueOf(reader, key, fail))
  }

  const alignment = metadata.get('general.alignment') ?? usualAlignment
  if (typeof alignment !== 'number' || alignment < 1 || alignment > 2 ** 30 || !Number.isInteger(Math.log2(alignment))) throw fail(`has the alignment ${shown(alignment)}, which is no power of two`)

  const entries = Array.from({ length: tensorCount }, () => entryOf(reader, alignment, fail))
  const dataStart = Math.ceil(reader.position / alignment) * alignment
  const tensors = new Map<string, GgufTensor>()
  for (const entry of entries) {
    if (tensors.has(entry.name)) throw fail(`has the tensor '${entry.name}' twice`)
    const offset = dataStart + entry.offset
    if (offset + entry.byteLength > size) throw fail(`ends at byte ${size}, and its tensor '${entry.name}' at ${offset + entry.byteLength}`, 'Fetch the file again: it is cut short')
    tensors.set(entry.name, { ...entry, offset })
  }
  checkOverlap(tensors, fail)
  return { version, metadata, tensors }
}

type Fail = (problem: string, remedy?: string) => InvalidFileError

const shown = (value: unknown) => (typeof value === 'bigint' ? String(value) : JSON.stringify(value))

function versionOf(reader: Reader, fail: Fail): number {
  const magic = reader.latin1(4)
  if (magic !== 'GGUF') {
    const older = ['lmgg', 'fmgg', 'tjgg'].includes(magic) // ggml, ggmf and ggjt, as little-endian words
    throw fail(`begins with ${JSON.stringify(magic)}, expected "GGUF"`, older ? "Convert it: it is of a format older than GGUF, which llama.cpp's convert_llama_ggml_to_gguf.py reads" : undefined)
  }
  const version = reader.uint32()
  if (version === 2 || version === 3) return version
  if (version !== 0 && version % 2 ** 16 === 0) throw fail('is big-endian', 'Take the little-endian file, or convert it with gguf-convert-endian of the Python package gguf')
  throw fail(`is of version ${version} of GGUF; 2 and 3 are read`, version === 1 ? 'Convert the model again with a current llama.cpp' : undefined)
}

function valueOf(reader: Reader, key: string, fail: Fail): GgufValue {
  const type = typeOf(reader, key, fail)
  if (type !== 'array') return reader.scalar(type, key)
  const items = typeOf(reader, key, fail)
  if (items === 'array') throw fail(`has arrays in the array '${key}', which no model uses`)
  const length = reader.count(limits.items, `items in '${key}'`)
  const offset = reader.position
  if (items === 'string') for (let index = 0; index < length; index++) reader.skip(reader.count(limits.string, `bytes in a string of '${key}'`))
  else reader.skip(length * widths[items])
  return { items, length, offset, byteLength: reader.position - offset }
}

function typeOf(reader: Reader, key: string, fail: Fail): ScalarType | 'array' {
  const number = reader.uint32()
  const type = valueTypes[number]
  if (type === undefined) throw fail(`gives the key '${key}' the type ${number}; types go up to ${valueTypes.length - 1}`)
  return type
}

/** A tensor, its offset still from where the data starts. */
function entryOf(reader: Reader, alignment: number, fail: Fail): GgufTensor {
  const name = reader.name(limits.nameLength, 'the name of a tensor')
  const dimensions = reader.uint32()
  if (dimensions > limits.dimensions) throw fail(`gives tensor '${name}' ${dimensions} dimensions; ${limits.dimensions} is the most`)
  const shape = Array.from({ length: dimensions }, () => reader.count(Number.MAX_SAFE_INTEGER, `rows in tensor '${name}'`)).reverse()
  if (shape.includes(0)) throw fail(`gives tensor '${name}' the shape [${shape.join(', ')}], which holds nothing`)
  const type = tensorTypeOf(reader.uint32(), (problem, remedy) => fail(`holds tensor '${name}' as ${problem}`, remedy))
  const offset = reader.count(Number.MAX_SAFE_INTEGER, `bytes before tensor '${name}'`)
  if (offset % alignment !== 0) throw fail(`places tensor '${name}' at byte ${offset} of its data, no multiple of ${alignment}`)

  const row = shape.at(-1) ?? 1
  if (row % type.blockSize !== 0) throw fail(`gives tensor '${name}' rows of ${row}, and the blocks of ${type.name} have ${type.blockSize}`)
  const byteLength = shape.slice(0, -1).reduce(product, (row / type.blockSize) * type.blockBytes)
  if (!Number.isSafeInteger(byteLength) || !Number.isSafeInteger(4 * shape.reduce(product, 1))) throw fail(`gives tensor '${name}' the shape [${shape.join(', ')}], which is more than 2^53 bytes`)
  return { name, type, shape, offset, byteLength }
}

/** NaN once it is past 2⁵³, and so for good: a product that wraps would pass for a small tensor. */
const product = (a: number, b: number) => (Number.isSafeInteger(a * b) ? a * b : NaN)

function checkOverlap(tensors: ReadonlyMap<string, GgufTensor>, fail: Fail): void {
  let end = 0
  let last = ''
  for (const { name, offset, byteLength } of [...tensors.values()].sort((a, b) => a.offset - b.offset || a.byteLength - b.byteLength)) {
    if (offset < end) throw fail(`overlaps: tensor '${name}' starts at byte ${offset}, and '${last}' ends at ${end}`)
    end = offset + byteLength
    last = name
  }
}

/** Reads the header's numbers one after another. */
class Reader {
  position = 0
  readonly #view: DataView

  constructor(
    readonly bytes: Uint8Array,
    readonly size: number,
    readonly fail: Fail,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** Where `length` bytes start, which end within what is at hand. */
  skip(length: number): number {
    const start = this.position
    const end = start + length
    if (end > this.size) throw this.fail(`ends at byte ${this.size}, in the middle of its header`, 'Fetch the file again: it is cut short')
    if (end > this.bytes.byteLength) throw new HeaderGoesOn()
    this.position = end
    return start
  }

  uint32(): number {
    return this.#view.getUint32(this.skip(4), true)
  }

  /** A 64-bit count or position. */
  count(limit: number, what: string): number {
    const start = this.skip(8)
    const low = this.#view.getUint32(start, true)
    const high = this.#view.getUint32(start + 4, true)
    const value = high * 2 ** 32 + low
    if (value > limit) throw this.fail(`claims ${high < 2 ** 21 ? value : 'more than 2^53'} ${what}; ${limit} is the most`)
    return value
  }

  latin1(length: number): string {
    const start = this.skip(length)
    return String.fromCharCode(...this.bytes.subarray(start, start + length))
  }

  /** A string that something is found by: what is no UTF-8 might be read as another name elsewhere. */
  name(limit: number, what: string): string {
    const length = this.count(limit, `bytes in ${what}`)
    const start = this.skip(length)
    try {
      return strict.decode(this.bytes.subarray(start, start + length))
    } catch {
      throw this.fail(`has ${what} that is no UTF-8`)
    }
  }

  scalar(type: ScalarType, key: string): GgufValue {
    if (type === 'string') {
      const length = this.count(limits.string, `bytes in '${key}'`)
      const start = this.skip(length)
      return lenient.decode(this.bytes.subarray(start, start + length))
    }
    const start = this.skip(widths[type])
    const view = this.#view
    switch (type) {
      case 'uint8':
        return view.getUint8(start)
      case 'int8':
        return view.getInt8(start)
      case 'uint16':
        return view.getUint16(start, true)
      case 'int16':
        return view.getInt16(start, true)
      case 'uint32':
        return view.getUint32(start, true)
      case 'int32':
        return view.getInt32(start, true)
      case 'float32':
        return view.getFloat32(start, true)
      case 'float64':
        return view.getFloat64(start, true)
      case 'bool': {
        const value = view.getUint8(start)
        if (value > 1) throw this.fail(`has ${value} for '${key}', which is true or false`)
        return value === 1
      }
      case 'uint64':
        return plain(view.getBigUint64(start, true))
      case 'int64':
        return plain(view.getBigInt64(start, true))
    }
  }
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const lenient = new TextDecoder('utf-8', { ignoreBOM: true })

const plain = (value: bigint): number | bigint => (Number.isSafeInteger(Number(value)) ? Number(value) : value)

/** The items of an array, from its bytes. */
export function itemsOf({ items, length }: GgufArray, bytes: Uint8Array): GgufItems {
  if (items === 'string') return new TextList(bytes, length)
  if (items === 'bool') return Array.from(bytes, (byte) => byte !== 0)
  const width = widths[items]
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const read = {
    uint8: (at: number) => view.getUint8(at),
    int8: (at: number) => view.getInt8(at),
    uint16: (at: number) => view.getUint16(at, true),
    int16: (at: number) => view.getInt16(at, true),
    uint32: (at: number) => view.getUint32(at, true),
    int32: (at: number) => view.getInt32(at, true),
    float32: (at: number) => view.getFloat32(at, true),
    float64: (at: number) => view.getFloat64(at, true),
    uint64: (at: number) => Number(view.getBigUint64(at, true)),
    int64: (at: number) => Number(view.getBigInt64(at, true)),
  }[items]
  return Array.from({ length }, (_, index) => read(index * width))
}
