import { InvalidFileError, MissingFileError, type Checkpoint } from '@tenon/core'
import { readSentenceTransformersFiles, type SentenceTransformersFiles } from '@tenon/checkpoint/encoder'

/** How token states become one vector: the names sentence-transformers writes. */
export type PoolingMode = 'cls' | 'max' | 'mean' | 'mean_sqrt_len_tokens' | 'weightedmean' | 'lasttoken'

/** What follows the transformer, in order. */
export type Module =
  | { readonly kind: 'pooling'; readonly modes: readonly PoolingMode[]; /** Whether the prompt's tokens are pooled with the text's own. */ readonly includePrompt: boolean }
  | { readonly kind: 'dense'; readonly path: string; readonly inputs: number; readonly outputs: number; readonly bias: boolean; readonly activation: string }
  | { readonly kind: 'normalize' }

/** What a sentence-transformers folder says of itself. */
export interface SentenceTransformer extends Pick<SentenceTransformersFiles, 'maxLength' | 'lowerCase' | 'prompt'> {
  readonly modules: readonly Module[]
}

type Json = Readonly<Record<string, unknown>>

const isRecord = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

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
 * @throws InvalidFileError for a module or a pooling that is not known.
 * @throws MissingFileError for a config that is listed and absent, since guessing a pooling would give other vectors.
 */
export async function readSentenceTransformer(checkpoint: Checkpoint): Promise<SentenceTransformer> {
  const { modules: listed, maxLength, lowerCase, prompt } = await readSentenceTransformersFiles(checkpoint)
  const modules: Module[] = []
  for (const entry of listed ?? []) {
    const module = await readModule(checkpoint, entry)
    if (module !== undefined) modules.push(module)
  }
  if (listed === undefined) modules.push({ kind: 'pooling', modes: ['mean'], includePrompt: true })
  if (!modules.some(({ kind }) => kind === 'pooling')) {
    throw new InvalidFileError({ path: placeOf(checkpoint, 'modules.json'), problem: 'lists no Pooling, so that there is no vector of a whole text', remedy: 'Name a sentence embedding model' })
  }
  return { modules, maxLength, lowerCase, prompt }
}

async function readModule(checkpoint: Checkpoint, { type, path }: Json): Promise<Module | undefined> {
  const name = String(type).split('.').at(-1)!
  if (name === 'Transformer') return undefined
  if (name === 'Normalize') return { kind: 'normalize' }
  const read = Object.hasOwn(configured, name) ? configured[name]! : undefined
  if (read === undefined) throw new InvalidFileError({ path: placeOf(checkpoint, 'modules.json'), problem: `lists the module '${String(type)}'`, remedy: 'Known are Transformer, Pooling, Dense and Normalize' })
  if (typeof path !== 'string' || path === '') throw new InvalidFileError({ path: placeOf(checkpoint, 'modules.json'), problem: `gives no path for the module '${name}'` })
  const file = `${path}/config.json`
  const config = await checkpoint.json(file)
  if (config === undefined) throw new MissingFileError({ path: `${checkpoint.reference}/${file}`, purpose: 'modules.json lists it', remedy: 'Fetch the whole model, with the folders of its modules' })
  if (!isRecord(config)) throw new InvalidFileError({ path: placeOf(checkpoint, file), problem: 'is no JSON object' })
  return read(checkpoint, path, config)
}

/** The modules that have a config, by their class. */
const configured: Readonly<Record<string, (checkpoint: Checkpoint, path: string, config: Json) => Module>> = {
  Pooling: (checkpoint, path, config) => ({ kind: 'pooling', modes: modesOf(checkpoint, `${path}/config.json`, config), includePrompt: config['include_prompt'] !== false }),
  Dense: (checkpoint, path, { in_features: inputs, out_features: outputs, bias, activation_function: activation }) => {
    if (!Number.isInteger(inputs) || !Number.isInteger(outputs)) throw new InvalidFileError({ path: placeOf(checkpoint, `${path}/config.json`), problem: 'lacks in_features or out_features' })
    return { kind: 'dense', path, inputs: inputs as number, outputs: outputs as number, bias: bias !== false, activation: String(activation ?? 'Tanh').split('.').at(-1)! }
  },
}

function modesOf(checkpoint: Checkpoint, file: string, config: Json): readonly PoolingMode[] {
  const written = config['pooling_mode']
  const modes = written === undefined ? flags.filter(([flag]) => config[flag] === true).map(([, mode]) => mode) : [written].flat()
  const unknown = modes.find((mode) => !poolingModes.includes(mode as PoolingMode))
  if (unknown !== undefined) throw new InvalidFileError({ path: placeOf(checkpoint, file), problem: `names the pooling '${String(unknown)}'`, remedy: `Known are: ${poolingModes.join(', ')}` })
  return modes.length === 0 ? ['mean'] : (modes as PoolingMode[])
}

/** A file as errors name it. */
const placeOf = ({ reference }: Checkpoint, file: string) => `${reference}/${file}`
