import { join } from 'node:path'
import { DisposedError, InvalidFileError } from '@tenon/core'
import type { Checkpoint, Emit, ModelConfig, Tokenizer } from '@tenon/core'
import { contained } from './contained.js'
import { openGguf, type OpenedGguf } from './gguf/gguf-checkpoint.js'
import { isGguf } from './gguf/gguf-names.js'
import type { ModelFiles } from './model-files.js'
import { isRecord, parseJson } from './json.js'
import type { NativeTokenizers } from './native-tokenizers.js'
import { readText } from './read-text.js'
import { beginTokenizer, finishTokenizer } from './tokenizer.js'
import { chooseModel, graphFiles, type Variant } from './variants.js'
import { openWeights, type Weights } from './weights.js'

export interface OpenFilesOptions {
  /** What the user asked for. */
  readonly reference: string
  readonly variant?: Variant | undefined
  readonly dequantize?: boolean | undefined
  readonly tokenizers?: NativeTokenizers | undefined
  readonly tokenizerCache?: string | URL | false | undefined
  /** Whether the tokenizer will be asked for. */
  readonly tokenizer?: boolean | undefined
  /** Hears of what is not run exactly as it is stored. */
  readonly emit?: Emit | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Opens the checkpoint that a model's files make. Only the config and the weights' header are read; what stands for the
 * model is made ready, and checked for being readable before that.
 * @throws MissingFileError, InvalidFileError, AbortedError, and what `path` of the files throws.
 */
export async function openFiles(model: ModelFiles, { reference, variant, dequantize, tokenizers, tokenizerCache, tokenizer, emit, signal }: OpenFilesOptions): Promise<Checkpoint> {
  const { place, files } = model
  let gguf: OpenedGguf | undefined

  async function text(file: string): Promise<string | undefined> {
    const name = contained(file)
    const exists = files.has(name) || (await model.find?.(name)) === true
    if (exists && !(gguf !== undefined && name === 'config.json')) return readText(await model.path(name)) // what is beside a GGUF file is often a part of a config
    if (disposed) throw new DisposedError({ what: `checkpoint ${reference}` })
    return gguf?.text(name)
  }
  async function json(file: string): Promise<unknown> {
    const content = await text(file)
    return content === undefined ? undefined : parseJson(join(place, contained(file)), content)
  }

  let disposed = false
  const readConfig = async () => modelConfig(await model.path('config.json'), await json('config.json'))
  const early = [...files].some(isGguf) ? undefined : await readConfig() // a GGUF file has a config of its own
  const chosen = chooseModel(place, files, variant)
  /** Where a file, or what it is made from, lies. */
  async function origin(file: string): Promise<string | undefined> {
    if (files.has(file)) return model.path(file)
    return chosen !== undefined && 'gguf' in chosen ? model.path(contained(chosen.gguf)) : undefined
  }
  const tokenizerFiles = { place, read: text, origin }
  let begun = tokenizer === true ? beginTokenizer(tokenizerFiles, { tokenizers, cache: tokenizerCache }) : undefined
  begun?.catch(() => undefined) // whoever asks for the tokenizer is told
  let weights: Weights | undefined
  if (chosen !== undefined && 'gguf' in chosen) weights = gguf = await openGguf(chosen.gguf, { ...model, path: (file) => model.path(contained(file)) }, { dequantize, emit, signal })
  const config = gguf?.config ?? early ?? (await readConfig())
  if (chosen !== undefined && 'graph' in chosen) await model.ready?.(graphFiles(files, chosen.graph))
  if (chosen !== undefined && 'weights' in chosen) weights = await openWeights(chosen.weights, { ...model, path: (file) => model.path(contained(file)), json }, signal)

  let loading: Promise<Tokenizer> | undefined
  const alive = () => {
    if (disposed) throw new DisposedError({ what: `checkpoint ${reference}` })
  }
  return {
    reference,
    config,
    constants: weights?.constants ?? new Map(),
    graph: chosen !== undefined && 'graph' in chosen ? chosen.graph : undefined,
    files: Object.freeze([...files]),
    path: async (file) => model.path(contained(file)),
    async json(file) {
      alive()
      return json(file)
    },
    async tokenizer() {
      alive()
      loading ??= finishTokenizer(tokenizerFiles, begun ?? beginTokenizer(tokenizerFiles, { tokenizers, cache: tokenizerCache }))
      return loading.catch((error: unknown) => {
        loading = begun = undefined
        throw error
      })
    },
    async [Symbol.asyncDispose]() {
      disposed = true
      loading = begun = undefined // whoever keeps the checkpoint does not keep the tokenizer, which is native memory
      model.end?.()
      await weights?.[Symbol.asyncDispose]()
    },
  }
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
