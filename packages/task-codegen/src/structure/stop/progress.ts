import type { Cursor } from '../cursor.js'
import type { LogicalLines } from '../logical-lines.js'
import type { Scanner } from '../scanner/scanner.js'
import type { Token } from '../scanner/token.js'
import type { Target } from '../target.js'

/** How far a completion was read, and what of it bears on where it ends. */
export class Progress {
  /** All there is of the completion. */
  text = ''
  readonly scanner: Scanner
  readonly lines: LogicalLines
  /** The last token of code, in the completion or before it, and where the one stands that begins a statement in the completion. */
  previous: Token | undefined
  anchor: number | undefined
  /** There is code of the completion, or of its statement before it. */
  content: boolean
  contentEnd = 0
  /** The column of the statement. */
  statementColumn: number | undefined
  /** A line break came after the last token; nothing but white space has come on this line. */
  broken: boolean
  lineEmpty = false

  constructor(
    readonly cursor: Cursor,
    target: Target,
  ) {
    this.scanner = cursor.scanner.clone()
    this.lines = cursor.lines.clone()
    this.previous = cursor.last
    this.broken = cursor.broken
    this.content = (target.kind === 'statement' || target.kind === 'lines') && !target.fresh
    if (this.content) this.statementColumn = cursor.final.lines.line?.column ?? cursor.indentation
  }

  /** Goes on behind a token that does not end the completion. */
  note(token: Token): void {
    this.lineEmpty = token.type === 'newline'
    if (token.type === 'newline') {
      this.broken = true
      return
    }
    if (token.type === 'comment') {
      if (!this.broken || this.content) this.contentEnd = token.end
      return
    }
    this.anchor ??= token.start
    this.statementColumn ??= token.column ?? this.cursor.indentation
    this.previous = token
    this.broken = false
    this.content = true
    this.contentEnd = token.end
  }
}
