import { open, realpath, stat } from 'node:fs/promises'
import { dirname, isAbsolute, join, sep } from 'node:path'
import { byteLength, InvalidFileError, MissingFileError, type Constant, type NumericType } from '@tenon/core'
import type { TensorRecord } from './foreign.js'

/** Constants up to this many bytes are kept at hand; larger ones stay in their file until asked for. */
const AT_HAND = 4096

/**
 * A tensor of a model file as a constant. Nothing is allocated before the file is known to hold as many bytes.
 * @throws InvalidFileError, MissingFileError
 */
export async function locate(tensor: TensorRecord, model: string): Promise<Constant> {
  const { name, dtype, shape, data } = tensor
  if (!('location' in data)) return embedded(tensor, model)
  const expected = sizeOf(tensor, model)
  const path = await contained(data.location, model, name)
  const file = await stat(path)
  if (!file.isFile()) throw new InvalidFileError({ path: model, problem: `wants the tensor '${name}' from '${data.location}', which is no file` })
  if (data.length !== undefined && data.length !== expected) throw new InvalidFileError({ path: model, problem: `gives the tensor '${name}' ${data.length} bytes, and its shape [${shape.join(', ')}] needs ${expected}` })
  if (data.offset + expected > file.size) throw new InvalidFileError({ path, problem: `ends at ${file.size}, inside the tensor '${name}' (${data.offset} to ${data.offset + expected})` })
  const constant = inFile(dtype, shape, path, data.offset)
  if (expected > AT_HAND) return constant
  const inline = await constant.bytes()
  return { ...constant, inline }
}

/**
 * A tensor whose bytes are in the model file itself. `atHand` keeps large ones at hand too.
 * @throws InvalidFileError
 */
export function embedded(tensor: TensorRecord, model: string, atHand = false): Constant {
  const { name, dtype, shape, data } = tensor
  const expected = sizeOf(tensor, model)
  if ('location' in data) throw new InvalidFileError({ path: model, problem: 'keeps an attribute in external data, which is not read', remedy: 'Save the model with its attributes inside it' })
  if (data.bytes.byteLength !== expected) throw new InvalidFileError({ path: model, problem: `holds ${data.bytes.byteLength} bytes for ${name === '' ? 'an attribute' : `the tensor '${name}'`}, and its shape [${shape.join(', ')}] needs ${expected}` })
  if (data.offset !== undefined && expected > AT_HAND && !atHand) return inFile(dtype, shape, model, data.offset)
  const inline = new Uint8Array(data.bytes)
  return { dtype, shape, byteLength: expected, inline, bytes: async () => inline }
}

function sizeOf({ name, dtype, shape }: TensorRecord, model: string): number {
  const size = byteLength(dtype, shape)
  if (!Number.isSafeInteger(size)) throw new InvalidFileError({ path: model, problem: `holds the tensor '${name}' of impossible shape [${shape.join(', ')}]` })
  return size
}

/**
 * External data must lie in the model's folder: neither a path nor a link may lead out of it. Only where the model is
 * itself a link, as in the Hugging Face cache, may its data be a link into the place that the model's link leads to.
 */
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
  if (real.startsWith(folder + sep)) return real
  const home = await realpath(model)
  if (dirname(home) === folder || storeOf(real) !== storeOf(home)) refuse('a link that leads out of its folder')
  return real
}

/** The folder of a file; of one in the store that repositories of a cache share, `blobs/0f/0f…`, that store. */
const storeOf = (path: string) => dirname(path).replace(/([\\/]blobs)[\\/][0-9a-f]{2}$/, '$1')

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
        const cut = () => new InvalidFileError({ path, problem: `ends inside the tensor at ${offset}`, remedy: 'It changed after it was opened: open the model again' })
        if (offset + length > (await file.stat()).size) throw cut()
        const bytes = Buffer.allocUnsafeSlow(length)
        // The system reads at most 2 GB at a time.
        for (let done = 0; done < length; ) {
          const { bytesRead } = await file.read(bytes, done, length - done, offset + done)
          if (bytesRead === 0) throw cut()
          done += bytesRead
        }
        return bytes
      } finally {
        await file.close()
      }
    },
  }
}
