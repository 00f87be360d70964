import { stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { MissingFileError, throwIfAborted, type Checkpoint } from '@tenon/core'
import type { ModelFiles } from './model-files.js'
import { listFiles } from './list-files.js'
import type { NativeTokenizers } from './native-tokenizers.js'
import { openFiles } from './open-files.js'
import { checkVariant, type Variant } from './variants.js'

export interface OpenFolderOptions {
  /** What the user asked for; default: `directory`. */
  readonly reference?: string | undefined
  /** Which exported graph stands for the model, even where there are weights. Default: the weights, else the most exact graph. */
  readonly variant?: Variant | undefined
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
 * @throws MissingFileError when the folder, its config.json, its weights or the variant are absent.
 * @throws InvalidFileError when a file is malformed, or the weights are pickled.
 * @throws InvalidOptionError, AbortedError
 * @example
 * await using checkpoint = await openFolder('./models/all-MiniLM-L6-v2')
 * const tokenizer = await checkpoint.tokenizer()
 */
export async function openFolder(
  directory: string,
  { reference = directory, variant, tokenizers, signal }: OpenFolderOptions = {},
): Promise<Checkpoint> {
  checkVariant('openFolder', variant)
  throwIfAborted(signal)
  return openFiles(await folderFiles(resolve(directory), signal), { reference, variant, tokenizers, signal })
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
