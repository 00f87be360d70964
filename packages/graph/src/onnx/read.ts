import { open, readFile, realpath, stat } from 'node:fs/promises'
import { dirname, isAbsolute, join, sep } from 'node:path'
import { byteLength, InvalidFileError, MissingFileError, type Constant, type Graph, type NumericType } from '@tenon/core'
import type { OpTable } from '../op.js'
import { standardOps } from '../ops/index.js'
import { decodeOnnx, type TensorRecord } from './decode.js'

/** protobuf's own limit on one message. */
const LARGEST_MODEL = 2 ** 31 - 1

/** Constants up to this many bytes are kept at hand; larger ones stay in their file until asked for. */
const AT_HAND = 4096

/**
 * Opens an `.onnx` file. Weights stay where they lie, in the file itself or in external data beside it, and are
 * read when asked for.
 * @throws MissingFileError, InvalidFileError
 */
export async function readOnnx(path: string, { ops = standardOps }: { readonly ops?: OpTable } = {}): Promise<Graph> {
  const file = await stat(path).catch((cause: unknown) => {
    throw new MissingFileError({ path, cause })
  })
  if (!file.isFile()) throw new InvalidFileError({ path, problem: 'is no file', remedy: 'Name the .onnx file itself' })
  if (file.size > LARGEST_MODEL) throw new InvalidFileError({ path, problem: `has ${file.size} bytes, and an ONNX model file holds at most ${LARGEST_MODEL}`, remedy: 'Keep its weights as external data' })
  const { graph, tensors } = decodeOnnx(await readFile(path), path, ops)
  const constants = new Map<string, Constant>()
  for (const tensor of tensors) {
    if (constants.has(tensor.name)) throw new InvalidFileError({ path, problem: `holds two tensors named '${tensor.name}'` })
    constants.set(tensor.name, await locate(tensor, path))
  }
  return Object.freeze({ ...graph, constants })
}

async function locate(tensor: TensorRecord, model: string): Promise<Constant> {
  const { name, dtype, shape, data } = tensor
  const expected = byteLength(dtype, shape)
  if (!Number.isSafeInteger(expected)) throw new InvalidFileError({ path: model, problem: `holds the tensor '${name}' of impossible shape [${shape.join(', ')}]` })
  if ('location' in data) {
    const path = await contained(data.location, model, name)
    const file = await stat(path)
    if (!file.isFile()) throw new InvalidFileError({ path: model, problem: `wants the tensor '${name}' from '${data.location}', which is no file` })
    if (data.length !== undefined && data.length !== expected) throw new InvalidFileError({ path: model, problem: `gives the tensor '${name}' ${data.length} bytes, and its shape [${shape.join(', ')}] needs ${expected}` })
    if (data.offset + expected > file.size) throw new InvalidFileError({ path, problem: `ends at ${file.size}, inside the tensor '${name}' (${data.offset} to ${data.offset + expected})` })
    return inFile(dtype, shape, path, data.offset)
  }
  if (data.bytes.byteLength !== expected) throw new InvalidFileError({ path: model, problem: `holds ${data.bytes.byteLength} bytes for the tensor '${name}', and its shape [${shape.join(', ')}] needs ${expected}` })
  if (data.offset !== undefined && expected > AT_HAND) return inFile(dtype, shape, model, data.offset)
  const inline = new Uint8Array(data.bytes)
  return { dtype, shape, byteLength: expected, inline, bytes: async () => inline }
}

/** External data must lie in the model's folder: neither a path nor a link may lead out of it. */
async function contained(location: string, model: string, tensor: string): Promise<string> {
  const refuse = (problem: string): never => {
    throw new InvalidFileError({ path: model, problem: `wants the tensor '${tensor}' from '${location}', ${problem}`, remedy: 'Put the data file beside the model' })
  }
  if (isAbsolute(location) || location.split(/[\\/]/).includes('..') || location.includes('\0') || location === '') refuse('which is not inside its folder')
  const folder = await realpath(dirname(model))
  const path = join(dirname(model), location)
  const real = await realpath(path).catch((cause: unknown) => {
    throw new MissingFileError({ path, purpose: `it holds the tensor '${tensor}'`, remedy: 'Fetch it too: it belongs to the model file', cause })
  })
  if (!real.startsWith(folder + sep)) refuse('a link that leads out of its folder')
  return real
}

function inFile<D extends NumericType>(dtype: D, shape: readonly number[], path: string, offset: number): Constant<D> {
  const length = byteLength(dtype, shape)
  return {
    dtype,
    shape,
    byteLength: length,
    file: { path, offset },
    async bytes() {
      const file = await open(path)
      try {
        const { buffer, bytesRead } = await file.read(Buffer.allocUnsafeSlow(length), 0, length, offset)
        if (bytesRead !== length) throw new InvalidFileError({ path, problem: `ends inside the tensor at ${offset}`, remedy: 'It changed after it was opened: open the model again' })
        return buffer
      } finally {
        await file.close()
      }
    },
  }
}
