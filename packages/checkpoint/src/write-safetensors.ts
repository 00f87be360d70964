import { randomUUID } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { byteLength, InvalidInputError, throwIfAborted, type Constant } from '@tenon/core'
import { headerLimit, safetensorsTypes } from './safetensors-header.js'
import { writeAll } from './write-all.js'

const nameOfType = new Map([...safetensorsTypes].map(([name, dtype]) => [dtype, name]))

/** Tensor data starts at a multiple of this, as in files of the reference implementation. */
const alignment = 8

export interface WriteSafetensorsOptions {
  /** Written as `__metadata__`; `{ format: 'pt' }` is what transformers writes and looks for. */
  readonly metadata?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/**
 * Writes tensors as a safetensors file, one tensor in memory at a time. The file appears whole or not at all: it is
 * written beside `path` under a temporary name, flushed and renamed, so whoever has mapped an older file of this name
 * keeps it. Wider types come first, else in the given order, so that every tensor is aligned to its element size.
 * @throws InvalidInputError for a name given twice, a type the format lacks (4-bit), or bytes that do not fit the shape.
 * @throws AbortedError
 * @example
 * await writeSafetensors('model.safetensors', [['weight', inlineConstant('float32', [2], new Float32Array([1, 2]))]])
 */
export async function writeSafetensors(
  path: string,
  entries: Iterable<readonly [string, Constant]>,
  options: WriteSafetensorsOptions = {},
): Promise<void> {
  const { metadata, signal } = options
  throwIfAborted(signal)
  const width = ({ dtype }: Constant) => byteLength(dtype, [])
  const ordered = [...entries].sort(([, a], [, b]) => width(b) - width(a)) // stable
  const header = headerOf(ordered, metadata)

  const target = resolve(path)
  const temporary = join(dirname(target), `.${randomUUID()}.safetensors.tmp`)
  const handle = await open(temporary, 'wx')
  try {
    try {
      await writeAll(handle, header)
      for (const [name, constant] of ordered) {
        throwIfAborted(signal)
        const bytes = await constant.bytes()
        if (bytes.byteLength !== constant.byteLength)
          throw new InvalidInputError({
            what: `tensor '${name}'`,
            problem: `has ${bytes.byteLength} bytes, expected ${constant.byteLength} for ${constant.dtype} of shape [${constant.shape.join(', ')}]`,
            remedy: 'mend whoever computes its bytes',
          })
        await writeAll(handle, bytes)
      }
      await handle.sync()
    } finally {
      await handle.close()
    }
    throwIfAborted(signal)
    await rename(temporary, target)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/** Length, JSON and the spaces that align what follows. */
function headerOf(
  entries: readonly (readonly [string, Constant])[],
  metadata: Readonly<Record<string, string>> | undefined,
): Uint8Array {
  const json = new Map<string, unknown>(metadata === undefined ? [] : [['__metadata__', metadata]])
  let position = 0
  for (const [name, constant] of entries) {
    const refuse = (problem: string, remedy: string) =>
      new InvalidInputError({ what: `tensor '${name}'`, problem, remedy })
    if (name === '__metadata__' || json.has(name))
      throw refuse('is named twice, or as the format names its metadata', 'give each tensor a name of its own')
    const dtype = nameOfType.get(constant.dtype)
    if (dtype === undefined)
      throw refuse(`is ${constant.dtype}, which safetensors cannot hold`, 'write it as uint8 with two values to a byte')
    if (constant.byteLength !== byteLength(constant.dtype, constant.shape))
      throw refuse('has a byteLength that is not shape × type', 'mend the constant')
    json.set(name, { dtype, shape: constant.shape, data_offsets: [position, position + constant.byteLength] })
    position += constant.byteLength
  }
  const text = new TextEncoder().encode(
    `{${[...json].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`,
  )
  const padded = Math.ceil(text.byteLength / alignment) * alignment
  if (padded > headerLimit)
    throw new InvalidInputError({
      what: 'the header',
      problem: `has ${padded} bytes, more than the format's ${headerLimit}`,
      remedy: 'write several files',
    })
  const header = new Uint8Array(8 + padded).fill(0x20)
  new DataView(header.buffer).setBigUint64(0, BigInt(padded), true)
  header.set(text, 8)
  return header
}
