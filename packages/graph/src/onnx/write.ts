import { randomUUID } from 'node:crypto'
import { mkdir, open, rename, rm, writeFile, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { InvalidGraphError, InvalidOptionError, throwIfAborted, type Constant, type Emit, type Graph } from '@tenon/core'
import { encodeOnnx, type ExternalLocation } from './encode.js'
import type { OpTable } from '../op.js'

/** Constants smaller than a page stay in the model file: a page of padding each would cost more than it gains. */
const PAGE = 4096

export interface WriteOptions {
  /** Name of the weights' file beside the model. Default: the model's with `_data` behind, as the Hugging Face tools name it. */
  readonly dataFile?: string
  readonly ops?: OpTable
  readonly emit?: Emit
  readonly signal?: AbortSignal
}

/**
 * Writes `path` and, beside it, the weights as external data, each at a page boundary so that runtimes map them.
 * Weights pass through one at a time. Both files appear whole or not at all.
 * @returns the files written.
 * @throws InvalidGraphError, InvalidOptionError, AbortedError
 */
export async function writeOnnx(graph: Graph, path: string, { dataFile = `${basename(path)}_data`, ops, emit, signal }: WriteOptions = {}): Promise<string[]> {
  if (['', '.', '..', basename(path)].includes(dataFile) || basename(dataFile) !== dataFile) {
    throw new InvalidOptionError({ where: 'writeOnnx', option: 'dataFile', problem: `is '${dataFile}'`, remedy: "Give the name of a file beside the model's own" })
  }
  const folder = dirname(path)
  await mkdir(folder, { recursive: true })
  const unfinished = `.${randomUUID()}.partial`
  const temporaryModel = join(folder, `${basename(path)}${unfinished}`)
  const temporaryData = join(folder, `${dataFile}${unfinished}`)
  try {
    const { locations, inline } = await writeConstants(graph, temporaryData, dataFile, emit, signal)
    const model = encodeOnnx({ ...graph, constants: inline }, { externalData: (name) => locations.get(name), ...(ops && { ops }) })
    await writeFile(temporaryModel, model)
    throwIfAborted(signal)
    if (locations.size > 0) await rename(temporaryData, join(folder, dataFile))
    await rename(temporaryModel, path)
    return locations.size > 0 ? [path, join(folder, dataFile)] : [path]
  } finally {
    await Promise.all([rm(temporaryModel, { force: true }), rm(temporaryData, { force: true })])
  }
}

/** Writes the large constants behind one another, and fetches the small ones. */
async function writeConstants(graph: Graph, path: string, location: string, emit: Emit | undefined, signal: AbortSignal | undefined) {
  const locations = new Map<string, ExternalLocation>()
  const inline = new Map<string, Constant>()
  const total = [...graph.constants.values()].reduce((sum, constant) => sum + constant.byteLength, 0)
  let file: FileHandle | undefined
  let end = 0
  let done = 0
  try {
    for (const [name, constant] of graph.constants) {
      throwIfAborted(signal)
      if (constant.byteLength < PAGE) {
        inline.set(name, { ...constant, inline: await bytesOf(graph, name, constant) })
      } else {
        file ??= await open(path, 'wx')
        const offset = Math.ceil(end / PAGE) * PAGE
        await writeAll(file, await bytesOf(graph, name, constant), offset)
        locations.set(name, { location, offset, length: constant.byteLength })
        inline.set(name, constant)
        end = offset + constant.byteLength
      }
      done += constant.byteLength
      emit?.({ type: 'progress', stage: 'writing weights', done, total, unit: 'bytes' })
    }
    await file?.sync()
  } finally {
    await file?.close()
  }
  return { locations, inline }
}

async function bytesOf(graph: Graph, name: string, constant: Constant): Promise<Uint8Array> {
  const bytes = await constant.bytes()
  if (bytes.byteLength !== constant.byteLength) throw new InvalidGraphError({ graph: graph.name, problem: `the constant '${name}' says it has ${constant.byteLength} bytes and gives ${bytes.byteLength}` })
  return bytes
}

/** The system writes at most 2 GB at a time. */
async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) done += (await file.write(bytes, done, bytes.byteLength - done, position + done)).bytesWritten
}
