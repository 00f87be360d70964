import type { Scanner } from './scanner/scanner.js'
import type { Token } from './scanner/token.js'

/** A line that opens a block by its colon: `if x:`. */
export interface Header {
  readonly column: number
  readonly function: boolean
  readonly parent: Header | undefined
}

/** The first token of a line that may go on over several, inside brackets. */
export interface LogicalLine {
  readonly column: number
  readonly word: string
  readonly start: number
}

/** Follows the blocks of a language where indentation makes them. */
export class LogicalLines {
  line: LogicalLine | undefined
  header: Header | undefined
  /** The last line with code on it, once it has ended, was a header. */
  afterHeader = false
  private beforeEnd: Token | undefined

  clone(): LogicalLines {
    return Object.assign(new LogicalLines(), { line: this.line, header: this.header, afterHeader: this.afterHeader, beforeEnd: this.beforeEnd })
  }

  get endsInColon(): boolean {
    return this.beforeEnd?.text === ':'
  }

  observe(token: Token, scanner: Scanner): void {
    if (token.type === 'comment') return
    if (token.type !== 'newline') {
      if (this.line === undefined) {
        const column = token.column ?? 0
        while (this.header !== undefined && this.header.column >= column) this.header = this.header.parent
        this.line = { column, word: token.text, start: token.start }
        this.afterHeader = false
      }
      this.beforeEnd = token
      // `async def`
      if (token.text === 'def' && this.line.word === 'async') this.line = { ...this.line, word: 'def' }
      return
    }
    if (scanner.top !== undefined || this.line === undefined) return
    if (this.endsInColon) {
      this.header = { column: this.line.column, function: this.line.word === 'def', parent: this.header }
      this.afterHeader = true
    }
    this.line = undefined
    this.beforeEnd = undefined
  }
}
