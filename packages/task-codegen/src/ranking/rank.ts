import type { GenerationResult } from '@tenon/generation'

/** One of the completions that were made. */
export interface Candidate {
  readonly text: string
  /** What candidates are ranked by: the mean log probability of a token, less what the errors cost. */
  readonly score: number
  /** The mean log probability of a token. */
  readonly logprob: number
  /** Syntax errors that the completion brings into the file, or, below 0, mends; counted where there are several to be ranked. */
  readonly errors: number | undefined
  readonly finishReason: FinishReason
}

/** `'scope'`: what was begun is complete; `'stop'`: one of the stop texts came; `'end'`: the model ended; `'length'`: there was no room for more. */
export type FinishReason = 'scope' | 'stop' | 'end' | 'length'

/** What an error costs, in nats a token: a text with one more must be e times as likely, token by token. */
const ERROR = 1

/** Less than the worst that a model thinks likely: nothing at all is suggested only where there is nothing else. */
const EMPTY = 100

export function candidateOf(text: string, errors: number | undefined, finishReason: FinishReason, { logprob, tokens }: Pick<GenerationResult, 'logprob' | 'tokens'>): Candidate {
  const mean = tokens.length === 0 ? 0 : logprob / tokens.length
  return { text, score: mean - ERROR * (errors ?? 0) - (text.trim() === '' ? EMPTY : 0), logprob: mean, errors, finishReason }
}

/** The best first, and of those that say the same only the best. What comes first among equals stays so. */
export function rank(candidates: readonly Candidate[]): Candidate[] {
  const seen = new Set<string>()
  return [...candidates]
    .sort((one, other) => other.score - one.score)
    .filter(({ text }) => {
      const key = text.replace(/\s+/g, ' ').trim()
      return seen.has(key) ? false : seen.add(key)
    })
}
