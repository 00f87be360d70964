import { TenonError } from '@tenon/core'

/** A conversation no longer fits the model's context. */
export class ContextFullError extends TenonError {
  readonly tokens: number
  readonly contextLength: number

  constructor({ tokens, contextLength, earlier, dropped }: { tokens: number; contextLength: number; /** Turns before the last. */ earlier: number; /** Whether they were left out, to no avail. */ dropped: boolean }) {
    const isAlone = earlier === 0 || dropped
    super({
      code: 'TENON_CONTEXT_FULL',
      message: `The conversation has ${tokens} tokens, and the context holds ${contextLength}${dropped && earlier > 0 ? ', even without its earlier turns' : ''}`,
      remedy: isAlone ? 'Say less at once, or open the model with a greater contextLength, or one that reads more' : "Take turns back with undo() or replace() (on the command line /undo), or open the conversation with overflow: 'drop-oldest' (--drop-oldest)",
    })
    this.tokens = tokens
    this.contextLength = contextLength
  }
}
