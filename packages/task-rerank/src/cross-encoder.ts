import { InvalidFileError, type Checkpoint, type Emit } from '@tenon/core'
import { readSentenceTransformersFiles, type SentenceTransformersFiles } from '@tenon/checkpoint/encoder'

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

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * Reads what sentence-transformers writes for a CrossEncoder: into `config.json`, and since its release 6 into files of its own, which
 * count where they say that the model is one. Without any of it the activation is a sigmoid, as there.
 * @throws InvalidFileError for a module or an activation that is not known.
 */
export async function readCrossEncoder(checkpoint: Checkpoint, emit: Emit): Promise<CrossEncoder> {
  const { modules, settings, maxLength, prompt } = await readSentenceTransformersFiles(checkpoint)
  if (modules === undefined || settings['model_type'] !== 'CrossEncoder') return { activation: activationOf(checkpoint, undefined, emit), prompt: '', maxLength: undefined }
  checkModules(checkpoint, modules)
  return { activation: activationOf(checkpoint, settings['activation_fn'], emit), prompt, maxLength }
}

function checkModules({ reference }: Checkpoint, modules: NonNullable<SentenceTransformersFiles['modules']>): void {
  const other = modules.map(({ type }) => String(type)).find((type) => type.split('.').at(-1) !== 'Transformer')
  if (other !== undefined) throw new InvalidFileError({ path: `${reference}/modules.json`, problem: `lists the module '${other}'`, remedy: 'Name a cross-encoder that is a sequence classifier and nothing more' })
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
