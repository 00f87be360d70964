import type { Token } from '../scanner/token.js'
import type { Target } from '../target.js'
import type { Progress } from './progress.js'

type IndentationTarget = Extract<Target, { kind: 'indented' | 'lines' | 'paragraph' }>

/** Where a completion ends in a language whose blocks indentation makes. */
export class ByIndentation {
  /** The statement's line opened a block. */
  private compound = false
  /** The first word of the last line read. */
  private lineWord: string | undefined

  constructor(
    private readonly progress: Progress,
    private readonly target: IndentationTarget,
  ) {
    this.lineWord = progress.cursor.final.lines.line?.word
  }

  end(token: Token): number | undefined {
    if (token.type === 'comment') return this.comment(token)
    if (token.type === 'newline') return this.lineEnd()
    const end = this.code(token)
    if (end === undefined) this.progress.note(token)
    return end
  }

  private comment(token: Token): undefined {
    const { progress, target } = this
    const inside = target.kind === 'indented' ? target.limit : target.kind === 'paragraph' ? target.column - 1 : (progress.statementColumn ?? Infinity)
    if (!progress.broken || (token.column ?? 0) > inside) progress.contentEnd = token.end
    progress.lineEmpty = false
  }

  private lineEnd(): number | undefined {
    const { progress, target } = this
    const blank = progress.lineEmpty
    progress.broken = true
    progress.lineEmpty = true
    if (progress.scanner.top !== undefined || !progress.content) return undefined
    if (target.kind === 'paragraph') return blank ? progress.contentEnd : undefined
    if (target.kind === 'indented') return undefined
    if (target.singleLine && progress.contentEnd > 0) return progress.contentEnd
    if (this.lineWord === '@') return undefined
    if (progress.previous?.text === ':') this.compound = true
    else if (!this.compound) {
      if (progress.contentEnd > 0) return progress.contentEnd
      // The prefix's own statement was whole: another begins on the next line.
      progress.content = false
      progress.statementColumn = undefined
    }
    return undefined
  }

  private code(token: Token): number | undefined {
    const { progress, target } = this
    const { cursor, lines, contentEnd } = progress
    if (lines.line?.start !== token.start) return undefined
    const decorated = this.lineWord === '@'
    this.lineWord = token.text
    if (cursor.final.lines.line?.start === token.start) return undefined // The line's first word was begun before the cursor.
    const { column } = lines.line
    if (target.kind === 'indented') return column <= target.limit ? contentEnd : undefined
    if (target.kind === 'paragraph') return column < target.column ? contentEnd : undefined
    if (!progress.content) {
      progress.statementColumn = column
      // Written in a block, on an empty line; this is no longer in it.
      return cursor.line.trim() === '' && column < cursor.column ? 0 : undefined
    }
    const statementColumn = progress.statementColumn!
    if (decorated && column === statementColumn) return undefined
    return this.compound && (column > statementColumn || (column === statementColumn && /^(?:elif|else|except|finally)$/.test(token.text))) ? undefined : contentEnd
  }
}
