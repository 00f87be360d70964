import { InvalidFileError, type Checkpoint } from '@tenon/core'
import { isRecord } from '../json.js'

type Json = Readonly<Record<string, unknown>>

/** What sentence-transformers writes beside a model's own config (https://sbert.net). */
export interface SentenceTransformersFiles {
  /** `modules.json`: what the model is made of, in order; `undefined` where there is none. */
  readonly modules: readonly Json[] | undefined
  /** `config_sentence_transformers.json`, whose settings all have defaults. */
  readonly settings: Json
  /** Tokens read of a text, where `sentence_bert_config.json` says so. */
  readonly maxLength: number | undefined
  readonly lowerCase: boolean
  /** Put before each text: the default prompt, or none. */
  readonly prompt: string
}

/**
 * Reads the files of sentence-transformers.
 * @throws InvalidFileError where one is not of the form that it should have.
 */
export async function readSentenceTransformersFiles(checkpoint: Checkpoint): Promise<SentenceTransformersFiles> {
  const modules = await checkpoint.json('modules.json')
  if (modules !== undefined && !(Array.isArray(modules) && modules.every(isRecord))) throw new InvalidFileError({ path: `${checkpoint.reference}/modules.json`, problem: 'is no list of modules' })
  const { max_seq_length: maxLength, do_lower_case: lowerCase } = await settingsIn(checkpoint, 'sentence_bert_config.json')
  const settings = await settingsIn(checkpoint, 'config_sentence_transformers.json')
  return {
    modules: modules as readonly Json[] | undefined,
    settings,
    maxLength: Number.isInteger(maxLength) && (maxLength as number) > 0 ? (maxLength as number) : undefined,
    lowerCase: lowerCase === true,
    prompt: defaultPrompt(settings),
  }
}

async function settingsIn(checkpoint: Checkpoint, file: string): Promise<Json> {
  const settings = (await checkpoint.json(file)) ?? {}
  if (!isRecord(settings)) throw new InvalidFileError({ path: `${checkpoint.reference}/${file}`, problem: 'is no JSON object' })
  return settings
}

function defaultPrompt({ prompts, default_prompt_name: name }: Json): string {
  const prompt = typeof name === 'string' && isRecord(prompts) && Object.hasOwn(prompts, name) ? prompts[name] : undefined
  return typeof prompt === 'string' ? prompt : ''
}
