import { mkdir, open, type FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { InvalidGraphError, InvalidOptionError, throwIfAborted, type Constant, type Emit, type Graph } from '@tenon/core'
import { encodeOnnx, type ExternalLocation } from './encode.js'
import { shareFile, type Origin, type ShareOptions } from './share-file.js'
import { stageFiles, type StagedFiles } from './staged-files.js'
import { PAGE, servingFiles, type ServingFile } from './weight-places.js'
import { writeAll } from './write-all.js'

export interface WriteOptions {
  /**
   * Name of the weights' file beside the model; where there are several, the others have `_1`, `_2`, … behind it. Default:
   * the model's with `_data` behind, as the Hugging Face tools name it.
   */
  readonly dataFile?: string
  /**
   * Weights that already lie in a file as the graph wants them are not written again: their file becomes a data file of the
   * model, cloned where the file system can, else by a hard link, else copied. Whoever writes *into* a linked file changes
   * both; and `onnx.load` of newer releases refuses data that has two links. Default false.
   */
  readonly link?: boolean
  readonly emit?: Emit
  readonly signal?: AbortSignal
}

/** A file of a model that was written. */
export interface WrittenFile {
  readonly path: string
  readonly bytes: number
  readonly origin: Origin
}

/**
 * Writes `path` and, beside it, the weights as external data, each at a page boundary so that runtimes map them.
 * Weights pass through one at a time. The files appear whole or not at all, and never a model beside the weights of another.
 * @returns the files, the model first.
 * @throws InvalidGraphError, InvalidOptionError, AbortedError; with `link` InvalidFileError
 */
export async function writeOnnx(graph: Graph, path: string, options: WriteOptions = {}): Promise<readonly WrittenFile[]> {
  const { dataFile = `${basename(path)}_data`, link = false, emit, signal } = options
  if (['', '.', '..', basename(path)].includes(dataFile) || basename(dataFile) !== dataFile) {
    throw new InvalidOptionError({ where: 'writeOnnx', option: 'dataFile', problem: `is '${dataFile}'`, remedy: "Give the name of a file beside the model's own" })
  }
  const folder = dirname(path)
  await mkdir(folder, { recursive: true })
  await using staged = stageFiles(folder)
  const nameOf = (index: number) => (index === 0 ? dataFile : `${dataFile}_${index}`)
  const files = link ? await servingFiles(graph) : []
  const shared = await shareFiles(files, staged, nameOf, { emit, signal })
  const { constants, locations, written } = await writeConstants(graph, staged, nameOf(files.length), shared.locations, { emit, signal })

  const model = encodeOnnx({ ...graph, constants }, { externalData: (name) => locations.get(name) })
  await writeWhole(staged.path(basename(path)), model)
  throwIfAborted(signal)
  await staged.commit(basename(path))
  return [{ path, bytes: model.byteLength, origin: 'written' }, ...[...shared.written, ...written].map(({ name, ...file }) => ({ path: join(folder, name), ...file }))]
}

interface DataFile extends Omit<WrittenFile, 'path'> {
  readonly name: string
}

async function shareFiles(files: readonly ServingFile[], staged: StagedFiles, nameOf: (index: number) => string, working: ShareOptions) {
  const locations = new Map<string, ExternalLocation>()
  const written: DataFile[] = []
  for (const [index, { path, size, constants }] of files.entries()) {
    const name = nameOf(index)
    written.push({ name, bytes: size, origin: await shareFile(path, staged.path(name), working) })
    for (const [constant, { offset, length }] of constants) locations.set(constant, { location: name, offset, length })
  }
  return { locations, written }
}

/** Writes the large constants that have no place yet behind one another, and fetches the small ones. */
async function writeConstants(graph: Graph, staged: StagedFiles, name: string, placed: ReadonlyMap<string, ExternalLocation>, { emit, signal }: ShareOptions) {
  const locations = new Map(placed)
  const constants = new Map<string, Constant>()
  const total = [...graph.constants.values()].reduce((sum, constant) => sum + constant.byteLength, 0)
  let file: FileHandle | undefined
  let end = 0
  let done = 0
  try {
    for (const [each, constant] of graph.constants) {
      throwIfAborted(signal)
      if (placed.has(each)) constants.set(each, constant)
      else if (constant.byteLength < PAGE) constants.set(each, { ...constant, inline: await bytesOf(graph, each, constant) })
      else {
        file ??= await open(staged.path(name), 'wx')
        const offset = Math.ceil(end / PAGE) * PAGE
        await writeAll(file, await bytesOf(graph, each, constant), offset)
        locations.set(each, { location: name, offset, length: constant.byteLength })
        constants.set(each, constant)
        end = offset + constant.byteLength
      }
      done += constant.byteLength
      emit?.({ type: 'progress', stage: 'writing weights', done, total, unit: 'bytes' })
    }
    await file?.sync()
  } finally {
    await file?.close()
  }
  const written: readonly DataFile[] = file === undefined ? [] : [{ name, bytes: end, origin: 'written' }]
  return { constants, locations, written }
}

async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx')
  try {
    await writeAll(file, bytes, 0)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function bytesOf(graph: Graph, name: string, constant: Constant): Promise<Uint8Array> {
  const bytes = await constant.bytes()
  if (bytes.byteLength !== constant.byteLength) throw new InvalidGraphError({ graph: graph.name, problem: `the constant '${name}' says it has ${constant.byteLength} bytes and gives ${bytes.byteLength}` })
  return bytes
}
