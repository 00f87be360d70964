import { InvalidOptionError } from '@tenon/core'

/** Fewer tokens of a prompt do not even hold a line. */
export const LEAST_CONTEXT_TOKENS = 16

/** Tokens for what is generated once more of the prefix, beside those that are asked for. */
export const FOR_CUT = 8

export const NEW_TOKENS = 128

const WHERE_CALLED = "a call of the task 'code-generation'"

export interface Shares {
  /** Most tokens of prompt and completion together. */
  readonly contextLength?: number | undefined
  /** Most tokens of the prompt. */
  readonly contextTokens?: number | undefined
  readonly maxNewTokens?: number | undefined
  readonly healing?: boolean | undefined
}

/**
 * That a context holds the new tokens and at least a line before them. Whoever sets these options learns of it before the model is
 * opened.
 * @returns How many tokens are left for the prompt.
 * @throws InvalidOptionError
 */
export function checkRoom({ contextLength = Infinity, contextTokens = Infinity, maxNewTokens, healing = true }: Shares): number {
  if (contextTokens < LEAST_CONTEXT_TOKENS) throw new InvalidOptionError({ where: WHERE_CALLED, option: 'contextTokens', problem: `is ${contextTokens}, with which there is no room for a line`, remedy: `Give at least ${LEAST_CONTEXT_TOKENS}` })
  const needed = LEAST_CONTEXT_TOKENS + (healing ? FOR_CUT : 0)
  const left = contextLength - (maxNewTokens ?? NEW_TOKENS)
  if (left >= needed) return left - (healing ? FOR_CUT : 0)
  const most = contextLength - needed
  const longer = `contextLength from ${needed + (maxNewTokens ?? NEW_TOKENS)} on`
  if (maxNewTokens !== undefined)
    throw new InvalidOptionError({ where: WHERE_CALLED, option: 'maxNewTokens', problem: `is ${maxNewTokens}, with which a context of ${contextLength} tokens has no room for a prompt`, remedy: most > 0 ? `Give at most ${most}, or, where the model reads as many, a ${longer}` : `Give a ${longer}` })
  throw new InvalidOptionError({ where: "the task 'code-generation'", option: 'contextLength', problem: `is ${contextLength}, which has no room for a prompt beside ${NEW_TOKENS} new tokens`, remedy: most > 0 ? `Give maxNewTokens up to ${most}, or, where the model reads as many, a ${longer}` : `Give a ${longer}; with fewer maxNewTokens, from ${needed + 1} on` })
}
