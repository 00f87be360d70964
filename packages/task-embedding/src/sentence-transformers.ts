import { InvalidFileError, type Checkpoint } from '@tenon/core'

/** How token states become one vector: the names sentence-transformers writes. */
export type PoolingMode = 'cls' | 'max' | 'mean' | 'mean_sqrt_len_tokens' | 'weightedmean' | 'lasttoken'

/** What follows the transformer, in order. */
export type Module =
  | { readonly kind: 'pooling'; readonly modes: readonly PoolingMode[] }
  | { readonly kind: 'dense'; readonly path: string; readonly inputs: number; readonly outputs: number; readonly bias: boolean; readonly activation: string }
  | { readonly kind: 'normalize' }

/** What a sentence-transformers folder says of itself. */
export interface SentenceTransformer {
  readonly modules: readonly Module[]
  readonly maxLength: number | undefined
  readonly lowerCase: boolean
  /** Put before each text. */
  readonly prompt: string
}

type Json = Readonly<Record<string, unknown>>

/** The flags of configs before `pooling_mode`, in the order their vectors are concatenated. */
const flags: readonly (readonly [string, PoolingMode])[] = [
  ['pooling_mode_cls_token', 'cls'],
  ['pooling_mode_max_tokens', 'max'],
  ['pooling_mode_mean_tokens', 'mean'],
  ['pooling_mode_mean_sqrt_len_tokens', 'mean_sqrt_len_tokens'],
  ['pooling_mode_weightedmean_tokens', 'weightedmean'],
  ['pooling_mode_lasttoken', 'lasttoken'],
]
const poolingModes = flags.map(([, mode]) => mode)

/**
 * Reads `modules.json` and the configs it names, in the spelling of sentence-transformers up to 5 and since 6.
 * A checkpoint without them is pooled by the mean, as sentence-transformers does.
 * @throws InvalidFileError for a module that is not known.
 */
export async function readSentenceTransformer(checkpoint: Checkpoint): Promise<SentenceTransformer> {
  const listed = (await checkpoint.json('modules.json')) as readonly Json[] | undefined
  const transformer = ((await checkpoint.json('sentence_bert_config.json')) ?? {}) as Json
  const settings = ((await checkpoint.json('config_sentence_transformers.json')) ?? {}) as Json
  const modules: Module[] = []
  for (const entry of listed ?? []) {
    const module = await readModule(checkpoint, entry)
    if (module !== undefined) modules.push(module)
  }
  if (listed === undefined) modules.push({ kind: 'pooling', modes: ['mean'] })
  const maxLength = transformer['max_seq_length']
  return {
    modules,
    maxLength: Number.isInteger(maxLength) && (maxLength as number) > 0 ? (maxLength as number) : undefined,
    lowerCase: transformer['do_lower_case'] === true,
    prompt: defaultPrompt(settings),
  }
}

function defaultPrompt({ prompts, default_prompt_name: name }: Json): string {
  const prompt = typeof name === 'string' && typeof prompts === 'object' && prompts !== null ? (prompts as Json)[name] : undefined
  return typeof prompt === 'string' ? prompt : ''
}

async function readModule(checkpoint: Checkpoint, { type, path }: Json): Promise<Module | undefined> {
  const name = String(type).split('.').at(-1)
  const file = `${String(path)}/config.json`
  if (name === 'Transformer') return undefined
  if (name === 'Normalize') return { kind: 'normalize' }
  const config = (await checkpoint.json(file)) as Json | undefined
  if (name === 'Pooling') return { kind: 'pooling', modes: modesOf(checkpoint, file, config ?? {}) }
  if (name === 'Dense') {
    const { in_features: inputs, out_features: outputs, bias, activation_function: activation } = config ?? {}
    if (!Number.isInteger(inputs) || !Number.isInteger(outputs)) throw new InvalidFileError({ path: checkpoint.path(file), problem: 'lacks in_features or out_features' })
    return { kind: 'dense', path: String(path), inputs: inputs as number, outputs: outputs as number, bias: bias !== false, activation: String(activation ?? 'Tanh').split('.').at(-1)! }
  }
  throw new InvalidFileError({ path: checkpoint.path('modules.json'), problem: `lists the module '${String(type)}'`, remedy: 'Known are Transformer, Pooling, Dense and Normalize' })
}

function modesOf(checkpoint: Checkpoint, file: string, config: Json): readonly PoolingMode[] {
  const written = config['pooling_mode']
  const modes = written === undefined ? flags.filter(([flag]) => config[flag] === true).map(([, mode]) => mode) : [written].flat()
  const unknown = modes.find((mode) => !poolingModes.includes(mode as PoolingMode))
  if (unknown !== undefined) throw new InvalidFileError({ path: checkpoint.path(file), problem: `names the pooling '${String(unknown)}'`, remedy: `Known are: ${poolingModes.join(', ')}` })
  return modes.length === 0 ? ['mean'] : (modes as PoolingMode[])
}
