import { InvalidFileError, type Checkpoint, type Emit } from '@tenon/core'

/** What makes a score of the model's number. */
export type Activation = 'none' | 'sigmoid' | 'tanh' | 'relu'

export const activations: Readonly<Record<Activation, (logit: number) => number>> = {
  none: (logit) => logit,
  sigmoid: (logit) => 1 / (1 + Math.exp(-logit)),
  tanh: Math.tanh,
  relu: (logit) => Math.max(0, logit),
}

/** By the class names in `torch.nn.modules`. */
const classes: Readonly<Record<string, Activation>> = { Identity: 'none', Sigmoid: 'sigmoid', Tanh: 'tanh', ReLU: 'relu' }

/** What a cross-encoder's folder says of itself. */
export interface CrossEncoder {
  readonly activation: Activation
  /** Put before each query. */
  readonly prompt: string
  readonly maxLength: number | undefined
}

type Json = Readonly<Record<string, unknown>>

const isRecord = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * Reads what sentence-transformers writes for a CrossEncoder: into `config.json`, and since its release 6 into files of its own, which
 * count where they say that the model is one. Without any of it the activation is a sigmoid, as there.
 * @throws InvalidFileError for a module or an activation that is not known.
 */
export async function readCrossEncoder(checkpoint: Checkpoint, emit: Emit): Promise<CrossEncoder> {
  const modules = await checkpoint.json('modules.json')
  const settings = await settingsIn(checkpoint, 'config_sentence_transformers.json')
  if (modules === undefined || settings['model_type'] !== 'CrossEncoder') return { activation: activationOf(checkpoint, undefined, emit), prompt: '', maxLength: undefined }
  checkModules(checkpoint, modules)
  const { max_seq_length: maxLength } = await settingsIn(checkpoint, 'sentence_bert_config.json')
  return {
    activation: activationOf(checkpoint, settings['activation_fn'], emit),
    prompt: promptIn(settings),
    maxLength: Number.isInteger(maxLength) && (maxLength as number) > 0 ? (maxLength as number) : undefined,
  }
}

async function settingsIn(checkpoint: Checkpoint, file: string): Promise<Json> {
  const settings = (await checkpoint.json(file)) ?? {}
  if (!isRecord(settings)) throw new InvalidFileError({ path: `${checkpoint.reference}/${file}`, problem: 'is no JSON object' })
  return settings
}

function checkModules(checkpoint: Checkpoint, listed: unknown): void {
  const path = `${checkpoint.reference}/modules.json`
  if (!Array.isArray(listed) || !listed.every(isRecord)) throw new InvalidFileError({ path, problem: 'is no list of modules' })
  const other = listed.map(({ type }) => String(type)).find((type) => type.split('.').at(-1) !== 'Transformer')
  if (other !== undefined) throw new InvalidFileError({ path, problem: `lists the module '${other}'`, remedy: 'Name a cross-encoder that is a sequence classifier and nothing more' })
}

/** Where releases since 6, since 4, and before have kept it. */
function activationOf({ config, reference }: Checkpoint, since6: unknown, emit: Emit): Activation {
  const { sentence_transformers: since4, sbert_ce_default_activation_function: before } = config
  const name = since6 ?? (isRecord(since4) && 'activation_fn' in since4 ? since4['activation_fn'] : before) ?? 'torch.nn.Sigmoid'
  const path = String(name)
  const known = path.split('.').at(-1)!
  if (path.startsWith('torch.') && Object.hasOwn(classes, known)) return classes[known]!
  if (path.startsWith('torch.')) throw new InvalidFileError({ path: reference, problem: `names the activation '${path}'`, remedy: `Known are: ${Object.keys(classes).join(', ')}` })
  emit({ type: 'notice', code: 'TENON_UNKNOWN_ACTIVATION', message: `${reference} names the activation '${path}', which is code of its own; a sigmoid stands in for it` })
  return 'sigmoid'
}

function promptIn({ prompts, default_prompt_name: name }: Json): string {
  const prompt = typeof name === 'string' && isRecord(prompts) && Object.hasOwn(prompts, name) ? prompts[name] : undefined
  return typeof prompt === 'string' ? prompt : ''
}
