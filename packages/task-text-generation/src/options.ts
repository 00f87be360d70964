import { checkOptions, InvalidOptionError, kindOf, spelled, type Checkpoint } from '@tenon/core'
import { checkCandidates, checkSamplingOptions, checkStopStrings, grammar as grammarConstraint, jsonSchema, samplingOptions, type BeamOptions, type Constraint, type ConstraintFactory, type SamplingOptions, type Speculation } from '@tenon/generation'
import type { TemplateOptions } from './chat-prompt.js'

export interface GenerateOptions extends SamplingOptions, TemplateOptions {
  /** Default: `max_new_tokens` of generation_config.json, or 1,024. */
  readonly maxNewTokens?: number | undefined
  /** Texts that end the answer, and are not part of it. */
  readonly stop?: readonly string[] | undefined
  /** A JSON schema that the answer fulfils, whatever the model would like to say. */
  readonly schema?: Readonly<Record<string, unknown>> | boolean | undefined
  /** A grammar that the answer keeps, in GBNF. */
  readonly grammar?: string | undefined
  /** A constraint of one's own in place of the two. */
  readonly constraint?: Constraint | ConstraintFactory | undefined
  /** How tokens are guessed ahead, to be checked: the text is that of exact steps. Default: by the task's draft, if it has one. */
  readonly speculation?: Speculation | undefined
  /** Beam search: how many texts are followed. */
  readonly beams?: number | BeamOptions | undefined
  /** How many answers to draw, at once; `text` is the likeliest. More than one are streamed when all are there. Default 1. */
  readonly candidates?: number | undefined
  readonly signal?: AbortSignal | undefined
}

const TEMPLATE = ['template', 'tools', 'documents', 'variables'] as const satisfies readonly (keyof TemplateOptions)[]

export const generateOptions = [...samplingOptions, ...TEMPLATE, 'maxNewTokens', 'stop', 'schema', 'grammar', 'constraint', 'speculation', 'beams', 'candidates', 'signal'] as const satisfies readonly (keyof GenerateOptions)[]

/**
 * Checks all that does not depend on the model: a conversation learns of it when it is made, and not by its first message.
 * @throws InvalidOptionError
 */
export function checkGenerateOptions(where: string, options: GenerateOptions): void {
  checkOptions(where, options, generateOptions)
  const { template, tools, documents, variables, candidates, maxNewTokens, stop, schema, grammar, constraint, beams } = options
  const fail = (option: string, problem: string, remedy: string) => {
    throw new InvalidOptionError({ where, option, problem, remedy })
  }
  const isRecord = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value)
  if (maxNewTokens !== undefined && !(Number.isInteger(maxNewTokens) && maxNewTokens >= 0)) fail('maxNewTokens', `is ${spelled(maxNewTokens)}`, 'Give a whole number from 0 up')
  if (template !== undefined && typeof template !== 'string') fail('template', `is ${kindOf(template)}`, 'Give the name or the text of a template')
  for (const [option, list, what] of [['tools', tools, "JSON schemas of functions: { type: 'function', function: { name, description, parameters } }"], ['documents', documents, "objects: { title: '…', text: '…' }"]] as const) {
    if (list !== undefined && !(Array.isArray(list) && Array.from(list as readonly unknown[]).every(isRecord))) fail(option, 'is no list of objects', `Give a list of ${what}`)
  }
  if (variables !== undefined && !isRecord(variables)) fail('variables', `is ${kindOf(variables)}`, "Give an object of what the template reads: { enable_thinking: false }")
  const own = Object.keys(variables ?? {}).find((name) => ['messages', 'tools', 'documents', 'add_generation_prompt'].includes(name))
  if (own !== undefined) fail('variables', `names '${own}'`, own === 'messages' ? 'Pass messages in place of the prompt' : own === 'add_generation_prompt' ? 'Leave it out: answers are always asked for' : `Pass the option '${own}'`)
  const constraints = Object.entries({ schema, grammar, constraint }).filter(([, value]) => value !== undefined)
  if (constraints.length > 1) fail(constraints[1]![0], `goes with no '${constraints[0]![0]}'`, 'Leave one of them out')
  if (grammar !== undefined && typeof grammar !== 'string') fail('grammar', `is ${kindOf(grammar)}`, 'Give the text of a grammar')
  checkSamplingOptions(where, Object.fromEntries(samplingOptions.map((option) => [option, options[option]])))
  if (stop !== undefined) checkStopStrings(where, stop)
  checkCandidates(where, candidates)
  if (candidates !== undefined && candidates > 1 && beams !== undefined) fail('candidates', "goes with no 'beams'", "Ask for beams: { count, best }, or leave out 'beams'")
}

/**
 * What an answer is held to, by whichever of the three options says it.
 * @throws UnsupportedSchemaError, InvalidGrammarError, UnsatisfiableConstraintError
 */
export function constraintIn({ schema, grammar, constraint }: GenerateOptions): Constraint | ConstraintFactory | undefined {
  if (schema !== undefined) return jsonSchema(schema)
  return grammar === undefined ? constraint : grammarConstraint(grammar)
}

/** What a model's makers recommend. */
export interface Defaults {
  readonly sampling: SamplingOptions
  readonly maxNewTokens: number | undefined
}

/** The options that generation_config.json knows under other names, and whether they are for drawing only. */
const TOLD: readonly (readonly [option: keyof SamplingOptions, name: string, draws: boolean, fits: (value: number) => boolean])[] = [
  ['temperature', 'temperature', true, (value) => value > 0],
  ['topK', 'top_k', true, (value) => Number.isInteger(value) && value > 0],
  ['topP', 'top_p', true, (value) => value > 0 && value <= 1],
  ['minP', 'min_p', true, (value) => value >= 0 && value <= 1],
  ['typicalP', 'typical_p', true, (value) => value > 0 && value <= 1],
  ['repetitionPenalty', 'repetition_penalty', false, (value) => value > 0],
  ['noRepeatNgramSize', 'no_repeat_ngram_size', false, (value) => Number.isInteger(value) && value >= 0],
]

/**
 * The defaults of generation_config.json: how to draw where it says `do_sample`, and penalties in any case. What it does not say is
 * left out: that transformers itself would take a top_k of 50 then is no recommendation of the model's makers.
 */
export async function readDefaults(checkpoint: Checkpoint): Promise<Defaults> {
  const told = ((await checkpoint.json('generation_config.json')) ?? {}) as Readonly<Record<string, unknown>>
  const draws = told['do_sample'] === true
  const sampling = Object.fromEntries(
    TOLD.flatMap(([option, name, forDrawing, fits]) => {
      const value = told[name]
      return typeof value === 'number' && fits(value) && (draws || !forDrawing) ? [[option, value]] : []
    }),
  ) as SamplingOptions
  const most = told['max_new_tokens']
  return {
    // transformers draws at a temperature of 1 where the file does not say one.
    sampling: draws && sampling.temperature === undefined ? { ...sampling, temperature: 1 } : sampling,
    maxNewTokens: Number.isInteger(most) && (most as number) > 0 ? (most as number) : undefined,
  }
}
