/** How far a completion may go. */
export const completionScopes = ['auto', 'line', 'statement', 'block', 'function'] as const

/** How far a completion goes. */
export type CompletionScope = (typeof completionScopes)[number]
