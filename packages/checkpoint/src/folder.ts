import { stat } from 'node:fs/promises'
import { isAbsolute, join, posix, resolve, win32 } from 'node:path'
import { DisposedError, InvalidFileError, InvalidInputError, MissingFileError, throwIfAborted } from '@tenon/core'
import type { Checkpoint, ModelConfig, Tokenizer } from '@tenon/core'
import { listFiles } from './list-files.js'
import type { NativeTokenizers } from './native-tokenizers.js'
import { isRecord, parseJson, readText } from './read-text.js'
import { loadTokenizer } from './tokenizer.js'
import { openWeights } from './weights.js'

export interface OpenFolderOptions {
  /** What the user asked for; default: `directory`. */
  readonly reference?: string | undefined
  /** The `tokenizers` package, to use another build of it. */
  readonly tokenizers?: NativeTokenizers | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Opens a folder in the layout of the Hugging Face Hub: config.json, weights as `model.safetensors` (or its shards),
 * `.onnx` files, or both, and the tokenizer's files. Only the config and the weights' header are read. Pickled weights
 * (`pytorch_model.bin`) are never read: unpickling runs whatever code the file holds.
 *
 * Disposing closes the weights' file; `json`, `tokenizer` and reading constants then throw DisposedError.
 * @throws MissingFileError when the folder, its config.json or its weights are absent.
 * @throws InvalidFileError when a file is malformed, or the weights are pickled.
 * @throws AbortedError
 * @example
 * await using checkpoint = await openFolder('./models/all-MiniLM-L6-v2')
 * const tokenizer = await checkpoint.tokenizer()
 */
export async function openFolder(
  directory: string,
  { reference = directory, tokenizers, signal }: OpenFolderOptions = {},
): Promise<Checkpoint> {
  throwIfAborted(signal)
  const root = resolve(directory)
  const isFolder = await stat(root).then(
    (stats) => stats.isDirectory(),
    () => false,
  )
  if (!isFolder) throw new MissingFileError({ path: root, purpose: 'it should be a folder with a config.json' })
  const { files, refused } = await listFiles(root, signal)

  function path(file: string): string {
    const name = contained(file)
    if (files.has(name)) return join(root, name)
    throw new MissingFileError({
      path: join(root, name),
      ...(refused.has(name)
        ? { purpose: 'the link of this name leaves the checkpoint', remedy: 'Put the file itself there' }
        : {}),
    })
  }
  async function text(file: string): Promise<string | undefined> {
    return files.has(contained(file)) ? readText(path(file)) : undefined
  }
  async function json(file: string): Promise<unknown> {
    const content = await text(file)
    return content === undefined ? undefined : parseJson(path(file), content)
  }

  const config = modelConfig(path('config.json'), await json('config.json'))
  const weights = await openWeights({ has: (file) => files.has(file), path, json }, signal)
  if (weights === undefined) requireModel(root, files)

  let loading: Promise<Tokenizer> | undefined
  let disposed = false
  const alive = () => {
    if (disposed) throw new DisposedError({ what: `checkpoint ${reference}` })
  }
  return {
    reference,
    config,
    constants: weights?.constants ?? new Map(),
    graph: weights === undefined ? exportedGraph(files) : undefined,
    files: Object.freeze([...files]),
    path: async (file) => path(file),
    async json(file) {
      alive()
      return json(file)
    },
    async tokenizer() {
      alive()
      loading ??= loadTokenizer({ place: root, read: text }, { tokenizers })
      return loading.catch((error: unknown) => {
        loading = undefined
        throw error
      })
    },
    async [Symbol.asyncDispose]() {
      disposed = true
      await weights?.[Symbol.asyncDispose]()
    },
  }
}

/** Where exporters put an encoder's graph, the most exact first. */
const exported = ['onnx/model.onnx', 'model.onnx', 'onnx/model_quantized.onnx', 'model_quantized.onnx']

const exportedGraph = (files: ReadonlySet<string>) => exported.find((place) => files.has(place))

/** A path inside the checkpoint, normalised. Names may come from untrusted files, such as an index of shards. */
function contained(file: string): string {
  const leaves = isAbsolute(file) || posix.isAbsolute(file) || win32.isAbsolute(file) || /^[A-Za-z]:/.test(file)
  if (file === '' || leaves || file.includes('\0') || file.split(/[\\/]/).includes('..'))
    throw new InvalidInputError({
      what: `the file '${file}'`,
      problem: 'is no path inside the checkpoint',
      remedy: "name it relative to the checkpoint, without '..'",
    })
  return posix.normalize(file)
}

function modelConfig(path: string, config: unknown): ModelConfig {
  if (isRecord(config) && typeof config.model_type === 'string') return Object.freeze(config) as ModelConfig
  throw new InvalidFileError({
    path,
    problem: isRecord(config) ? "has no 'model_type'" : 'is no JSON object',
    remedy:
      'Add "model_type", the name of the model family, such as "bert"; or name the folder that holds the model\'s own config.json',
  })
}

/** @throws where nothing in the folder is a model that can be read. */
function requireModel(root: string, files: ReadonlySet<string>): void {
  const names = [...files]
  if (names.some((file) => file.endsWith('.onnx'))) return
  const pickled = names.find((file) => /\.(bin|pt|pth|ckpt)$/.test(file) && !file.endsWith('training_args.bin'))
  if (pickled !== undefined)
    throw new InvalidFileError({
      path: join(root, pickled),
      problem: 'holds pickled weights, which run code when they are read',
      remedy:
        'Take a revision of the model that has model.safetensors, or convert it where you trust the file: model.save_pretrained(folder, safe_serialization=True) in transformers',
    })
  throw new MissingFileError({
    path: join(root, 'model.safetensors'),
    purpose: 'there is no model.safetensors.index.json and no .onnx file either',
    remedy: 'Fetch the whole model: config.json, model.safetensors or an .onnx file, and tokenizer.json',
  })
}
