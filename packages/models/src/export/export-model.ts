import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { copyFile, mkdir, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { checkOptions, throwIfAborted, type Checkpoint, type Emit, type Graphs } from '@tenon/core'
import { writeOnnx, type Origin } from '@tenon/graph/onnx'
import { lower } from '@tenon/graph/passes'
import { travellingFiles } from './folder-files.js'
import { architectureWith } from './head-of.js'
import { precisionOf } from './precision.js'
import { claimFolder } from './target-folder.js'

export interface ExportOptions {
  /** Where the config, the tokenizer and the settings come from. */
  readonly checkpoint: Checkpoint
  /** What to write, by role; the one named `model` becomes `onnx/model.onnx`, or `onnx/model_quantized.onnx` when its weights are of 8 bits. */
  readonly graphs: Graphs
  /** The folder to make. */
  readonly to: string
  /** The head that the graphs were built with, so that the config names the class that this is. Default: the config's class stays. */
  readonly head?: string
  /** Standard operators only, for what does not know those of ONNX Runtime. Slower where it does. Default false. */
  readonly portable?: boolean
  /** Does not copy weights that are used as they are, see `writeOnnx`. Default false. */
  readonly link?: boolean
  /** Replaces a model that stands there. Default false. */
  readonly overwrite?: boolean
  readonly emit?: Emit
  readonly signal?: AbortSignal
}

/** A file of an export. */
export interface ExportedFile {
  /** Relative to the folder, with forward slashes. */
  readonly file: string
  readonly bytes: number
  readonly origin: Origin
}

export interface ExportReport {
  /** Absolute. */
  readonly folder: string
  readonly files: readonly ExportedFile[]
  readonly bytes: number
  /** Those among them that take no room of their own: linked or cloned. */
  readonly sharedBytes: number
}

const known = ['checkpoint', 'graphs', 'to', 'head', 'portable', 'link', 'overwrite', 'emit', 'signal']

/**
 * Writes a folder that others load: `@huggingface/transformers`, optimum and ONNX Runtime itself. The graphs stand in
 * `onnx/` with their weights beside them, batch and sequence of any size; config, tokenizer and sentence-transformers modules come along.
 *
 * The folder appears whole or not at all. What it replaces is gone only when the new one stands.
 * @throws InvalidOptionError when the target exists, or may not be replaced.
 * @throws UnsupportedOpError with `portable`, for an operator that has no standard form.
 * @throws InvalidFileError, InvalidGraphError, AbortedError
 * @example
 * const { graphs } = await runtime.build(checkpoint, { head: 'base' })
 * await exportModel({ checkpoint, graphs, to: './exported' })
 */
export async function exportModel(options: ExportOptions): Promise<ExportReport> {
  checkOptions('exportModel', options, known)
  const { checkpoint, graphs, to, head, portable = false, link = false, overwrite = false, emit, signal } = options
  throwIfAborted(signal)
  const folder = resolve(to)
  const target = await claimFolder(folder, checkpoint, overwrite)
  const unfinished = join(dirname(folder), `.${basename(folder)}.${randomUUID()}.partial`)
  try {
    await mkdir(unfinished, { recursive: true })
    const files: ExportedFile[] = []
    const formats: Format[] = []
    for (const [role, graph] of Object.entries(graphs)) {
      const { dtype, suffix } = precisionOf(graph)
      const name = `${role}${suffix}.onnx`
      const written = await writeOnnx(portable ? standard.apply(graph) : graph, join(unfinished, 'onnx', name), { link, ...(emit && { emit }), ...(signal && { signal }) })
      files.push(...written.map(({ path, bytes, origin }) => ({ file: `onnx/${basename(path)}`, bytes, origin })))
      formats.push({ role, name, dtype, dataFiles: written.length - 1 })
    }
    const config = `${JSON.stringify(clientConfig(checkpoint, head, formats), undefined, 2)}\n`
    await writeFile(join(unfinished, 'config.json'), config)
    files.push({ file: 'config.json', bytes: Buffer.byteLength(config), origin: 'written' })
    for (const file of await travellingFiles(checkpoint)) {
      throwIfAborted(signal)
      files.push(await copyInto(unfinished, file, await checkpoint.path(file)))
    }
    tellWhatIsMissing(files, emit)
    throwIfAborted(signal)
    await target.replaceBy(unfinished)
    const sum = (counted: readonly ExportedFile[]) => counted.reduce((bytes, file) => bytes + file.bytes, 0)
    return { folder, files, bytes: sum(files), sharedBytes: sum(files.filter(({ origin }) => origin === 'linked' || origin === 'cloned')) }
  } finally {
    await rm(unfinished, { recursive: true, force: true })
  }
}

const standard = lower({ name: 'standard operators', supports: ({ op }) => !op.includes('::') })

/** What a client must know of a graph before it reads it. */
interface Format {
  readonly role: string
  readonly name: string
  readonly dtype: string
  readonly dataFiles: number
}

/** transformers.js asks the config how many data files there are, and which precision to take when its caller names none. */
function clientConfig(checkpoint: Checkpoint, head: string | undefined, formats: readonly Format[]): object {
  const { config } = checkpoint
  const architecture = head === undefined ? undefined : architectureWith(head, config)
  const external = Object.fromEntries(formats.filter(({ dataFiles }) => dataFiles > 0).map(({ name, dataFiles }) => [name, dataFiles]))
  const inherited = config['transformers.js_config']
  return {
    ...config,
    ...(architecture !== undefined && { architectures: [architecture] }),
    'transformers.js_config': {
      ...(typeof inherited === 'object' && inherited),
      dtype: formats.length === 1 ? formats[0]!.dtype : Object.fromEntries(formats.map(({ role, dtype }) => [role, dtype])),
      use_external_data_format: Object.keys(external).length > 0 ? external : false,
    },
  }
}

async function copyInto(folder: string, file: string, from: string): Promise<ExportedFile> {
  const path = join(folder, file)
  await mkdir(dirname(path), { recursive: true })
  await copyFile(from, path, constants.COPYFILE_FICLONE)
  return { file, bytes: (await stat(path)).size, origin: 'copied' }
}

/** transformers.js reads no other description of a tokenizer than these two. */
function tellWhatIsMissing(files: readonly ExportedFile[], emit: Emit | undefined): void {
  const missing = ['tokenizer.json', 'tokenizer_config.json'].filter((needed) => !files.some(({ file }) => file === needed))
  if (missing.length === 0) return
  emit?.({ type: 'notice', code: 'TENON_INCOMPLETE_TOKENIZER', message: `The checkpoint holds no ${missing.join(' and no ')}: transformers.js will run the exported model, but make no tokens for it` })
}
