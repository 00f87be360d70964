import type { FinishReason as GenerationFinishReason, GenerationResult } from '@tenon/generation'

/** One of the completions that were made. */
export interface Candidate {
  readonly text: string
  readonly finishReason: FinishReason
  /** What several are ranked by: the mean log probability of a token, less what the errors cost. */
  readonly score?: number
  /** The mean log probability of a token, where there are several. */
  readonly meanLogprob?: number
  /** Syntax errors that the completion brings into the file, or, below 0, mends; counted where there are several, of a language whose syntax is known. */
  readonly errors?: number
}

/** `'scope'`: what was begun is complete; `'stop-string'`: one of the stop texts came; `'end-token'`: the model ended; `'length'`: there was no room for more. */
export type FinishReason = 'scope' | Exclude<GenerationFinishReason, 'until' | 'stop-token' | 'constraint'>

/** What an error costs, in nats a token: a text with one more must be e times as likely, token by token. */
const ERROR = 1

/** Less than the worst that a model thinks likely: nothing at all is suggested only where there is nothing else. */
const EMPTY = 100

/** @param made What it is ranked by where there are several: how it was generated, and the errors, where they can be counted. */
export function candidateOf(text: string, finishReason: FinishReason, made?: Pick<GenerationResult, 'logprob' | 'tokens'> & { readonly errors: number | undefined }): Candidate {
  if (made === undefined) return { text, finishReason }
  const { logprob, tokens, errors } = made
  const meanLogprob = tokens.length === 0 ? 0 : logprob / tokens.length
  return { text, finishReason, score: meanLogprob - ERROR * (errors ?? 0) - (text.trim() === '' ? EMPTY : 0), meanLogprob, ...(errors !== undefined && { errors }) }
}

/** The best first, and of those that say the same only the best. What comes first among equals stays so. */
export function rank(candidates: readonly Candidate[]): Candidate[] {
  const seen = new Set<string>()
  return [...candidates]
    .sort((one, other) => (other.score ?? 0) - (one.score ?? 0))
    .filter(({ text }) => {
      const key = text.replace(/\s+/g, ' ').trim()
      return seen.has(key) ? false : seen.add(key)
    })
}
