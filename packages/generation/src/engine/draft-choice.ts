import { checkOptions, InvalidOptionError, kindOf, type ModelChoices } from '@tenon/core'

/** A smaller model that guesses for another one, and what it runs on where that is not as the other's. */
export interface DraftChoice extends ModelChoices {
  /** Most tokens of one guess. Default 4. */
  readonly tokens?: number | undefined
}

/** Most tokens of one guess, where nobody says. */
export const DRAFT_TOKENS = 4

/**
 * Reads the option `draft` of a task.
 * @throws InvalidOptionError
 */
export function readDraft(where: string, draft: unknown): { readonly choices: ModelChoices; readonly tokens: number } {
  const fail = (problem: string, remedy: string): never => {
    throw new InvalidOptionError({ where, option: 'draft', problem, remedy })
  }
  if (draft === '' || (draft as DraftChoice | null)?.model === '') return fail('is empty', "Name a smaller model of the same vocabulary, as 'model' names one; or leave it out")
  if (typeof draft === 'string' || draft instanceof URL) return { choices: { model: draft }, tokens: DRAFT_TOKENS }
  if (typeof draft !== 'object' || draft === null) return fail(`is ${kindOf(draft)}`, "Name a smaller model of the same vocabulary: draft: './Qwen2.5-Coder-0.5B', or { model, backend, compress }")
  checkOptions(`the draft of ${where}`, draft, ['model', 'backend', 'compress', 'role', 'tokens'])
  const { tokens = DRAFT_TOKENS, ...choices } = draft as DraftChoice
  if (choices.model === undefined && choices.role === undefined) fail('names no model', 'Pass { model }, a smaller model of the same vocabulary, or { role }, a role of the deployment that names one')
  if (!(Number.isInteger(tokens) && tokens >= 1)) fail(`has the tokens ${String(tokens)}`, 'Give a whole number from 1 up')
  return { choices, tokens }
}
