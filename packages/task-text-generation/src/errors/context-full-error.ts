import { TenonError } from '@tenon/core'

/** A conversation no longer fits the model's context. */
export class ContextFullError extends TenonError {
  readonly tokens: number
  readonly contextLength: number

  constructor({ tokens, contextLength, dropped }: { tokens: number; contextLength: number; /** Turns that were left out to no avail. */ dropped: number }) {
    super({
      code: 'TENON_CONTEXT_FULL',
      message: `The conversation has ${tokens} tokens, and the context holds ${contextLength}${dropped > 0 ? ', even without its earlier turns' : ''}`,
      remedy: dropped > 0 ? 'Say less at once' : "Take turns back with undo() or replace(), or open the conversation with overflow: 'drop-oldest'",
    })
    this.tokens = tokens
    this.contextLength = contextLength
  }
}
