import { realpathSync, statSync } from 'node:fs'
import { parse, relative, sep } from 'node:path'

import { InvalidFileError, InvalidGraphError, MissingFileError, throwIfAborted, type Constant, type Graph } from '@tenon/core'
import { encodeOnnx } from '@tenon/graph/onnx'

import { SpillFile } from './spill-file.js'

/** A model as ONNX Runtime takes it: bytes without weights, and the folder that the weights' locations are relative to. */
export interface PreparedModel {
  readonly bytes: Uint8Array
  readonly folder: string | undefined
  /** Bytes of all weights, wherever they lie. */
  readonly weightBytes: number
  /** Whether all weights lie where they lay before, and not in a file that is deleted when the model is released. */
  readonly isLasting: boolean
  /** Deletes what was written for it. */
  release(): Promise<void>
}

export interface PrepareOptions {
  readonly temporaryFolder?: string | undefined
  /** Weights that are run from where they lie: ONNX Runtime rearranges none that might be others in each run. */
  readonly inPlace?: ReadonlySet<Constant>
  readonly signal?: AbortSignal | undefined
}

interface Location {
  readonly location: string
  readonly offset: number
  readonly length: number
}

/** Up to this a weight of a file stands in the model's bytes, if it may be wanted while the graph is read: shapes, axes and scalars. */
const embeddedBytes = 1024
/** The same for weights whose bytes are in memory already, or are computed: biases of products that were merged. */
const embeddedMemoryBytes = 65_536

/**
 * Writes the graph down with its weights left where they lie. ONNX Runtime maps external data from one folder only and
 * refuses what is outside it, so that folder is the root of the file system and the locations are the files' whole
 * paths: several folders and links (the Hugging Face cache is made of them) work, at any offset. Weights that are
 * computed are written to a file of their own, one at a time, and mapped like the others.
 * @throws MissingFileError
 * @throws InvalidFileError when a weight's file ends before the weight does.
 */
export async function prepareModel(graph: Graph, { temporaryFolder, inPlace = new Set(), signal }: PrepareOptions): Promise<PreparedModel> {
  const files = new WeightFiles()
  const locations = new Map<Constant, Location>()
  const embedded = new Map<string, Constant>()
  let weightBytes = 0
  let spill: SpillFile | undefined
  try {
    for (const [name, constant] of graph.constants) {
      throwIfAborted(signal)
      weightBytes += constant.byteLength
      if (locations.has(constant)) continue
      if (constant.byteLength <= (constant.file === undefined ? embeddedMemoryBytes : embeddedBytes) && !(constant.file !== undefined && isVectorOfFloats(constant))) {
        if (constant.inline === undefined) embedded.set(name, inMemory(constant, await fetchBytes(graph, name, constant)))
        continue
      }
      const inFile = constant.file && files.locate(constant.file.path, constant.file.offset, constant.byteLength)
      if (inFile !== undefined) {
        locations.set(constant, inFile)
        continue
      }
      spill ??= await SpillFile.create(temporaryFolder)
      const offset = await spill.append(await fetchBytes(graph, name, constant))
      const location = files.locate(spill.path, offset, constant.byteLength, true)
      locations.set(constant, location as Location)
    }
    await spill?.close()
    const complete = embedded.size === 0 ? graph : { ...graph, constants: new Map([...graph.constants, ...embedded]) }
    const bytes = encodeOnnx(complete, { externalData: (_name, constant) => locations.get(constant), overridable: (constant) => inPlace.has(constant) && locations.has(constant) })
    return { bytes, folder: files.root, weightBytes, isLasting: spill === undefined, release: async () => spill?.delete() }
  } catch (error) {
    await spill?.delete()
    throw error
  }
}

/** Norms and biases: each would be read from its file by itself, turn after turn of the event loop. */
const isVectorOfFloats = ({ dtype, shape, byteLength }: Constant): boolean => dtype === 'float32' && shape.length > 0 && byteLength > Float32Array.BYTES_PER_ELEMENT

const inMemory = ({ dtype, shape, byteLength }: Constant, inline: Uint8Array): Constant => ({ dtype, shape, byteLength, inline, bytes: async () => inline })

async function fetchBytes(graph: Graph, name: string, constant: Constant): Promise<Uint8Array> {
  const bytes = await constant.bytes()
  if (bytes.byteLength === constant.byteLength) return bytes
  throw new InvalidGraphError({
    graph: graph.name,
    problem: `the constant '${name}' has ${bytes.byteLength} bytes, and its type and shape ask for ${constant.byteLength}`,
    remedy: 'Mend the function that computes it',
  })
}

interface WeightFile {
  readonly size: number
  readonly root: string
  /** Relative to the root. */
  readonly location: string
}

/** Turns absolute paths into locations relative to the root they share. */
class WeightFiles {
  root: string | undefined
  readonly #files = new Map<string, WeightFile>()

  /** `undefined` where the file is on another root (a Windows drive) than those before, so that its weights have to be copied. */
  locate(path: string, offset: number, length: number, growing = false): Location | undefined {
    const file = this.#look(path)
    if (!growing && offset + length > file.size) {
      throw new InvalidFileError({ path, problem: `has ${file.size} bytes, and a weight is said to end at ${offset + length}` })
    }
    this.root ??= file.root
    return file.root === this.root ? { location: file.location, offset, length } : undefined
  }

  /** At once: a model has few files, and whoever waits for another thread lets longer work of this one go first. */
  #look(path: string): WeightFile {
    let found = this.#files.get(path)
    if (found === undefined) {
      try {
        const real = realpathSync.native(path)
        const { root } = parse(real)
        found = { size: statSync(real).size, root, location: relative(root, real).split(sep).join('/') }
      } catch (error) {
        throw new MissingFileError({ path, purpose: 'a model has weights in it', remedy: 'Open the checkpoint again', cause: error })
      }
      this.#files.set(path, found)
    }
    return found
  }
}
