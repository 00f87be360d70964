import { TenonError } from '@tenon/core'

/** A grammar cannot be read, or not run in bounded time and memory. */
export class InvalidGrammarError extends TenonError {
  /** Where in its text, counted from 1; `undefined` where no one place is at fault. */
  readonly line: number | undefined
  readonly column: number | undefined

  constructor({ problem, remedy, at }: { problem: string; remedy: string; at?: { readonly line: number; readonly column: number } }) {
    super({ code: 'TENON_INVALID_GRAMMAR', message: at === undefined ? `The grammar ${problem}` : `The grammar ${problem}, at line ${at.line}, column ${at.column}`, remedy })
    this.line = at?.line
    this.column = at?.column
  }
}
