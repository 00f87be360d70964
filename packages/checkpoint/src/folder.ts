import { stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { MissingFileError, throwIfAborted, type Checkpoint, type Emit } from '@tenon/core'
import { isGguf, partNames } from './gguf/gguf-names.js'
import type { ModelFiles } from './model-files.js'
import { listFiles } from './list-files.js'
import type { NativeTokenizers } from './native-tokenizers.js'
import { openFiles } from './open-files.js'
import { checkVariant, type Variant } from './variants.js'

export interface OpenFolderOptions {
  /** What the user asked for; default: `directory`. */
  readonly reference?: string | undefined
  /** Which exported graph or GGUF file stands for the model, even where there are weights. Default: the weights, else the most exact graph. */
  readonly variant?: Variant | undefined
  /** Whether the weights of GGUF files become the floats they stand for, exactly, rather than stay in blocks: slower, and up to eight times the memory. Default false. */
  readonly dequantize?: boolean | undefined
  /** Hears of what is not run exactly as it is stored. */
  readonly emit?: Emit | undefined
  /** The `tokenizers` package, to use another build of it. */
  readonly tokenizers?: NativeTokenizers | undefined
  /**
   * The folder where vocabularies are kept in the form in which another thread reads them, the next time, or `false` to keep none.
   * Default: `TENON_CACHE`, or the user's cache folder.
   */
  readonly tokenizerCache?: string | URL | false | undefined
  /** Whether the tokenizer will be asked for: where it is kept, another thread begins to read it at once. */
  readonly tokenizer?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Opens a folder in the layout of the Hugging Face Hub: config.json, weights as `model.safetensors` (or its shards),
 * `.onnx` files, or both, and the tokenizer's files. Only the config and the weights' header are read. Pickled weights
 * (`pytorch_model.bin`) are never read: unpickling runs whatever code the file holds.
 *
 * A `.gguf` file opens likewise, by its own path or as what a folder holds: its metadata becomes the config and the
 * tokenizer's files, and its tensors have the names that transformers gives them.
 *
 * Disposing closes the weights' file; `json`, `tokenizer` and reading constants then throw DisposedError.
 * @throws MissingFileError when the folder, its config.json, its weights or the variant are absent.
 * @throws InvalidFileError when a file is malformed, or the weights are pickled.
 * @throws InvalidOptionError, AbortedError
 * @example
 * await using checkpoint = await openFolder('./models/all-MiniLM-L6-v2')
 * const tokenizer = await checkpoint.tokenizer()
 */
export async function openFolder(
  directory: string,
  { reference = directory, variant, dequantize, emit, tokenizers, tokenizerCache, tokenizer, signal }: OpenFolderOptions = {},
): Promise<Checkpoint> {
  checkVariant('openFolder', variant)
  throwIfAborted(signal)
  const root = resolve(directory)
  const model = isGguf(root) && (await isFile(root)) ? ggufFiles(root) : await folderFiles(root, signal)
  return openFiles(model, { reference, variant, dequantize, emit, tokenizers, tokenizerCache, tokenizer, signal })
}

const isFile = (path: string) =>
  stat(path).then(
    (stats) => stats.isFile(),
    () => false,
  )

/** A GGUF file, with the other parts of its model, and nothing else of what lies beside it. */
function ggufFiles(path: string): ModelFiles {
  const place = dirname(path)
  const files = new Set(partNames(basename(path)))
  return {
    place,
    files,
    async path(file) {
      if (files.has(file)) return join(place, file)
      throw new MissingFileError({ path: join(place, file), purpose: `only ${basename(path)} was opened`, remedy: 'Open the folder' })
    },
  }
}

async function folderFiles(root: string, signal: AbortSignal | undefined): Promise<ModelFiles> {
  const isFolder = await stat(root).then(
    (stats) => stats.isDirectory(),
    () => false,
  )
  if (!isFolder) throw new MissingFileError({ path: root, purpose: 'it should be a folder with a config.json' })
  const { files, refused } = await listFiles(root, signal)
  return {
    place: root,
    files,
    async path(file) {
      if (files.has(file)) return join(root, file)
      throw new MissingFileError({
        path: join(root, file),
        ...(refused.has(file)
          ? { purpose: 'the link of this name leaves the checkpoint', remedy: 'Put the file itself there' }
          : {}),
      })
    },
  }
}
