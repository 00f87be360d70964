import { InvalidFileError, type Constant, type Emit, type ModelConfig } from '@tenon/core'
import type { ModelFiles } from '../model-files.js'
import { architectureOf, configOf, Metadata, type GgufModel } from './gguf-config.js'
import { parametersOf } from './architectures.js'
import { ggufConstant, type GgufConstant } from './gguf-constant.js'
import { openGgufFile, type GgufFile } from './gguf-file.js'
import type { GgufTensor } from './gguf-header.js'
import { partNames } from './gguf-names.js'
import { GgufTokenizer } from './gguf-tokenizer.js'
import { storageOf } from './storage.js'

/** What a GGUF model gives a checkpoint. */
export interface OpenedGguf extends AsyncDisposable {
  readonly config: ModelConfig
  readonly constants: ReadonlyMap<string, Constant>
  /** The text of a file that the model would have in transformers' layout, made from the metadata; `undefined` for others. */
  text(file: string): Promise<string | undefined>
}

interface OpenGgufOptions {
  /** Whether weights become floats. */
  readonly dequantize?: boolean | undefined
  readonly emit?: Emit | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Opens a GGUF model, of one file or of several. Only what stands before the data is read.
 * @param first The first of its files.
 * @throws InvalidFileError, MissingFileError, AbortedError
 */
export async function openGguf(first: string, model: ModelFiles, { dequantize = false, emit, signal }: OpenGgufOptions = {}): Promise<OpenedGguf> {
  const names = partNames(first)
  await model.ready?.(names.filter((name) => model.files.has(name)))
  const files: GgufFile[] = []
  const close = async () => void (await Promise.all(files.map((file) => file[Symbol.asyncDispose]())))
  try {
    for (const name of names) files.push(await openGgufFile(await model.path(name), signal))
    return { ...(await read(first, files, dequantize, emit)), [Symbol.asyncDispose]: close }
  } catch (error) {
    await close() // a table of angles may have been read already
    throw error
  }
}

async function read(first: string, files: readonly GgufFile[], dequantize: boolean, emit: Emit | undefined): Promise<Omit<OpenedGguf, keyof AsyncDisposable>> {
  const tensors = joined(files)
  const opened = { file: files[0]!, tensors }
  const architecture = architectureOf(opened)
  const config = await configOf(opened)
  const metadata = new Metadata(opened.file)
  const heads = metadata.size('attention.head_count')
  const sizes = { heads, kvHeads: metadata.number('attention.head_count_kv') ?? heads }

  const constants = new Map<string, Constant>()
  for (const { file, tensor } of tensors.values()) {
    for (const { name, ...arrangement } of parametersOf(tensor, architecture, sizes)) {
      if (constants.has(name)) throw new InvalidFileError({ path: file.path, problem: `holds '${name}' twice, once as the tensor '${tensor.name}'` })
      const constant = ggufConstant(file, tensor, arrangement)
      constants.set(name, dequantize ? asFloats(constant) : constant)
    }
  }
  tell(first, constants, emit)

  const tokenizer = new GgufTokenizer(opened.file)
  const json = async (value: unknown) => JSON.stringify(await value)
  return {
    config,
    constants,
    async text(file) {
      if (file === 'config.json') return json(config)
      if (file === 'tokenizer.json') return tokenizer.definition()
      if (file === 'tokenizer_config.json') return json(tokenizer.config())
      if (file === 'generation_config.json') return json(tokenizer.generation())
      return undefined
    },
  }
}

/** The numbers of the file, and no blocks that a backend might run instead. */
function asFloats(constant: GgufConstant): GgufConstant {
  const { blocks, ...floats } = constant
  return blocks === undefined ? constant : { ...floats, gguf: { ...constant.gguf, as: 'float' } }
}

function joined(files: readonly GgufFile[]): GgufModel['tensors'] {
  const tensors = new Map<string, { readonly file: GgufFile; readonly tensor: GgufTensor }>()
  for (const [index, file] of files.entries()) {
    const [part, count] = [file.metadata.get('split.no'), file.metadata.get('split.count')]
    const fail = (problem: string) => new InvalidFileError({ path: file.path, problem, remedy: 'Fetch all parts of the model again, from one place' })
    if (files.length > 1 && (part !== index || count !== files.length)) throw fail(`says that it is part ${String(part)} of ${String(count)}, counted from 0, and its name that it is ${index} of ${files.length}`)
    if (files.length === 1 && typeof count === 'number' && count > 1) throw fail(`is one of ${count} parts, and its name does not say which`)
    for (const tensor of file.tensors.values()) {
      if (tensors.has(tensor.name)) throw fail(`holds the tensor '${tensor.name}', and so does another part`)
      tensors.set(tensor.name, { file, tensor })
    }
  }
  return tensors
}

/** Numbers are not changed without a word. */
function tell(file: string, constants: ReadonlyMap<string, Constant>, emit: Emit | undefined): void {
  const storage = storageOf(constants.values())
  const anew = storage.filter(({ as }) => as === 'requantised')
  if (anew.length === 0) return
  const count = (as: string) => storage.filter((each) => each.as === as).reduce((sum, { tensors }) => sum + tensors, 0)
  const types = anew.map(({ type, tensors }) => `${tensors} tensors of ${type}`).join(', ')
  emit?.({
    type: 'notice',
    code: 'TENON_GGUF_REQUANTISED',
    message: `${file}: ${types} are run in 8 bits, rounded anew, since their blocks have minimums. Run as they are stored: ${count('exact')} in blocks, ${count('float')} as floats`,
  })
}
