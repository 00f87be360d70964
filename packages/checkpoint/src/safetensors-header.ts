import { byteLength, InvalidFileError, type NumericType } from '@tenon/core'
import { duplicateKey } from './duplicate-key.js'
import { isRecord, isSize } from './json.js'

/** The safetensors format's own limit on its header, in bytes (the reference implementation's MAX_HEADER_SIZE). */
export const headerLimit = 100_000_000

/** Element types by their name in the file; each fills whole bytes. */
export const safetensorsTypes: ReadonlyMap<string, NumericType> = new Map<string, NumericType>([
  ['F64', 'float64'],
  ['F32', 'float32'],
  ['F16', 'float16'],
  ['BF16', 'bfloat16'],
  ['I64', 'int64'],
  ['I32', 'int32'],
  ['I16', 'int16'],
  ['I8', 'int8'],
  ['U64', 'uint64'],
  ['U32', 'uint32'],
  ['U16', 'uint16'],
  ['U8', 'uint8'],
  ['BOOL', 'bool'],
])

export interface TensorRange {
  readonly dtype: NumericType
  readonly shape: readonly number[]
  /** Bytes from the start of the data section. */
  readonly begin: number
  readonly end: number
}

export interface SafetensorsHeader {
  readonly metadata: Readonly<Record<string, string>>
  readonly tensors: ReadonlyMap<string, TensorRange>
}

/** Bytes that shape × dtype needs, or `undefined` past 2⁵³: a product that wraps would pass for a small tensor. */
function bytesNeeded(dtype: NumericType, shape: readonly number[]): number | undefined {
  let bytes = byteLength(dtype, [])
  for (const size of shape) {
    bytes *= size
    if (!Number.isSafeInteger(bytes)) return undefined
  }
  return bytes
}

/**
 * Parses and checks a header: what it says of each tensor, and that the tensors fill the data section of `dataLength`
 * bytes exactly, with neither overlap nor hole.
 * @throws InvalidFileError which names the tensor and what was expected; `path` is for its message.
 */
export function parseSafetensorsHeader(path: string, header: Uint8Array, dataLength: number): SafetensorsHeader {
  const fail = (problem: string, details: { remedy?: string; cause?: unknown } = {}) =>
    new InvalidFileError({ path, problem, ...details })
  const json = decodeHeader(header, fail)
  const { __metadata__: metadata = {}, ...entries } = json
  if (!isRecord(metadata) || !Object.values(metadata).every((value) => typeof value === 'string'))
    throw fail("has a '__metadata__' that is not a map of strings")

  const tensors = new Map(
    Object.entries(entries).map(([name, entry]) => [name, tensorRange(name, entry, dataLength, fail)]),
  )
  checkCoverage(tensors, dataLength, fail)
  return { metadata: metadata as Record<string, string>, tensors }
}

type Fail = (problem: string, details?: { remedy?: string; cause?: unknown }) => InvalidFileError

function decodeHeader(header: Uint8Array, fail: Fail): Record<string, unknown> {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(header)
  } catch (cause) {
    throw fail('has a header that is not UTF-8', { cause })
  }
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw fail('has a header that is not JSON', { cause })
  }
  if (!text.startsWith('{') || !isRecord(json)) throw fail('has a header that is not a JSON object')
  const twice = duplicateKey(text)
  if (twice !== undefined) throw fail(`names '${twice}' twice in its header`)
  return json
}

function tensorRange(name: string, entry: unknown, dataLength: number, fail: Fail): TensorRange {
  if (!isRecord(entry)) throw fail(`describes tensor '${name}' by something that is not an object`)
  const dtype = typeof entry.dtype === 'string' ? safetensorsTypes.get(entry.dtype) : undefined
  if (dtype === undefined)
    throw fail(
      `gives tensor '${name}' the type ${JSON.stringify(entry.dtype)}, expected one of ${[...safetensorsTypes.keys()].join(', ')}`,
      {
        remedy: 'Convert the tensor to one of these types, or choose another revision of the model',
      },
    )
  const { shape, data_offsets: offsets } = entry
  if (!Array.isArray(shape) || !shape.every(isSize))
    throw fail(`gives tensor '${name}' a shape that is not a list of sizes`)
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize))
    throw fail(`gives tensor '${name}' data_offsets that are not two positions`)
  const [begin, end] = offsets as [number, number]
  if (begin > end || end > dataLength)
    throw fail(`places tensor '${name}' at bytes ${begin} to ${end} of ${dataLength} bytes of data`)
  const expected = bytesNeeded(dtype, shape)
  if (expected !== end - begin)
    throw fail(
      `gives tensor '${name}' ${end - begin} bytes, expected ${expected ?? 'more than 2^53'} for ${String(entry.dtype)} of shape [${shape.join(', ')}]`,
    )
  return { dtype, shape: Object.freeze(shape), begin, end }
}

function checkCoverage(tensors: ReadonlyMap<string, TensorRange>, dataLength: number, fail: Fail): void {
  const inOrder = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)
  let position = 0
  for (const [name, { begin, end }] of inOrder) {
    if (begin < position)
      throw fail(`overlaps: tensor '${name}' starts at byte ${begin} of the data, expected ${position}`)
    if (begin > position)
      throw fail(`has a hole: tensor '${name}' starts at byte ${begin} of the data, expected ${position}`)
    position = end
  }
  if (position !== dataLength)
    throw fail(`holds ${dataLength} bytes of data, expected ${position}, where its last tensor ends`)
}
