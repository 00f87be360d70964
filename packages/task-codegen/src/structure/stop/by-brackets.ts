import type { Frame, Token } from '../scanner/token.js'
import { canEndStatement, goesOnWith } from '../statement-ends.js'
import type { Syntax } from '../syntax.js'
import { blockAround, type Target } from '../target.js'
import type { Progress } from './progress.js'

type StatementTarget = Extract<Target, { kind: 'statement' }>
type BracketTarget = StatementTarget | Extract<Target, { kind: 'paragraph' | 'block' }>

/** Against a statement the grammar never finds whole: after so many line ends that might be its own, brackets and line ends decide. */
const mostVetoes = 8

/** Where a completion ends in a language whose blocks have braces, or whose syntax is not known. */
export class ByBrackets {
  /** Where it ends unless the next token goes on. */
  private pending: number | undefined
  private vetoes = 0
  /** `end` was read. */
  private closingLine = false

  constructor(
    private readonly progress: Progress,
    private target: BracketTarget,
    private readonly syntax: Syntax | undefined,
  ) {}

  end(token: Token): number | undefined {
    const { target } = this
    const end = token.type === 'newline' ? this.lineEnd(token, target) : token.type === 'comment' ? this.comment(token) : this.code(token, target)
    if (end === undefined) this.progress.note(token)
    return end
  }

  private comment(token: Token): undefined {
    // A comment behind the end, on its line, belongs to it.
    if (this.pending !== undefined && !this.progress.broken) this.pending = token.end
  }

  private code(token: Token, target: BracketTarget): number | undefined {
    const { scanner } = this.progress
    if (this.pending !== undefined) {
      if (!this.goesOn(token)) return this.pending
      this.pending = undefined
    }
    const closed = token.type === 'close' ? token.frame : undefined
    if (target.kind === 'block') return closed === target.frame ? this.blockEnd(token, target.frame) : undefined
    if (closed !== undefined && closed.at < 0 && closed.depth <= (target.base?.depth ?? 0)) return this.aroundEnd(token, closed)
    if (scanner.top !== target.base || target.kind === 'paragraph') return undefined
    if (token.text === ';' && token.type === 'punctuation') return this.inGoHeader() ? undefined : token.end
    if (token.text === ',' && target.comma) return token.end
    if (closed !== undefined && token.text === '}' && scanner.lexis.newline !== 'always') {
      const verdict = this.verdict(token.end, target)
      if (verdict === 'closed') return token.end
      if (verdict !== 'incomplete') this.pending = token.end
    }
    return undefined
  }

  /** The block that was to be written is closed. What it belongs to may go on. */
  private blockEnd(token: Token, frame: Frame): number | undefined {
    const { top } = this.progress.scanner
    const parsed = this.parse(token.end)
    if (parsed && !this.syntax!.goesOnBehind(frame.at) && (top === undefined || top.block)) return token.end
    const statement = parsed ? this.syntax!.statementAt(frame.at) : undefined
    let base = top
    if (statement === undefined) base = blockAround(base)
    else while (base !== undefined && base.at >= statement.start) base = base.parent
    this.goOnWith(token, frame, base)
    return undefined
  }

  /** The block around the statement ends here, and so does the statement, if there is one. */
  private aroundEnd(token: Token, frame: Frame): number | undefined {
    if (this.progress.content) return this.progress.contentEnd
    this.goOnWith(token, frame, blockAround(frame.parent))
    return undefined
  }

  private goOnWith(token: Token, frame: Frame, base: Frame | undefined): void {
    this.target = { kind: 'statement', base, fresh: false, comma: false, anchor: frame.at, singleLine: false }
    if (this.progress.scanner.top === base) this.pending = token.end
  }

  private inGoHeader(): boolean {
    const { scanner, cursor } = this.progress
    return cursor.language === 'go' && /^(?:for|if|switch|select)$/.test((scanner.lineFirst?.text === '}' ? 'if' : scanner.lineFirst?.text) ?? '')
  }

  private goesOn(token: Token): boolean {
    const { previous, broken, scanner, statementColumn } = this.progress
    if (token.type === 'close') return false
    if (this.closingLine) return !broken
    if (!broken) return true
    if (scanner.lexis.syntax === 'unknown' && token.column !== undefined && statementColumn !== undefined) {
      if (token.column > statementColumn) return true
      if (/^(?:end|fi|done|esac|od)$/.test(token.text) && token.column === statementColumn) {
        this.closingLine = true
        return true
      }
    }
    return previous !== undefined && goesOnWith(token, previous, this.startsWithDo(), scanner)
  }

  private startsWithDo(): boolean {
    const { cursor, text, anchor } = this.progress
    const at = this.target.kind === 'statement' && !this.target.fresh ? this.target.anchor : (anchor ?? 0)
    return /^do\b/.test((at < 0 ? cursor.prefix.slice(at) : text.slice(at)).slice(0, 3)) || cursor.lineFirst?.text === 'do'
  }

  private lineEnd(token: Token, target: BracketTarget): number | undefined {
    const { progress } = this
    const { scanner, cursor, previous, content, contentEnd, text } = progress
    const { lexis } = scanner
    if (target.kind === 'paragraph') return content && progress.lineEmpty && scanner.top === target.base ? contentEnd : undefined
    if (target.kind === 'block') return undefined
    if (target.singleLine && content && contentEnd > 0 && (scanner.top?.depth ?? 0) <= (cursor.top?.depth ?? 0)) return contentEnd
    if (!content || scanner.top !== target.base || previous === undefined) return undefined
    if (previous.type === 'directive') return contentEnd > 0 ? contentEnd : undefined
    if (this.pending !== undefined) return lexis.newline === 'always' ? this.pending : undefined
    // A decorator alone on its line.
    if (/^[^\S\n]*@[\w.]+(?:\(.*\))?\s*$/.test(text.slice(text.lastIndexOf('\n', token.start - 1) + 1, token.start))) return undefined
    if (lexis.newline === 'never' || !canEndStatement(previous, scanner, cursor.language)) return undefined
    if (contentEnd <= 0) {
      // The prefix's own statement was whole: another begins on the next line.
      if (!target.fresh && this.verdict(0, target) !== 'incomplete') {
        progress.content = false
        progress.statementColumn = undefined
        this.target = { ...target, fresh: true }
      }
      return undefined
    }
    if (lexis.syntax !== 'unknown' && this.vetoes < mostVetoes && this.verdict(contentEnd, target) === 'incomplete') {
      this.vetoes++
      return undefined
    }
    if (lexis.newline === 'always') return contentEnd
    this.pending = contentEnd
    return undefined
  }

  private parse(end: number): boolean {
    const { text, scanner } = this.progress
    return this.syntax?.parse(text.slice(0, end) + scanner.closing()) === true
  }

  /** What the grammar thinks of the statement, were the text to end here. */
  private verdict(end: number, target: StatementTarget): 'closed' | 'complete' | 'incomplete' | 'unknown' {
    if (!this.parse(end)) return 'unknown'
    const syntax = this.syntax!
    const statement = syntax.statementAt(target.fresh ? (this.progress.anchor ?? 0) : target.anchor)
    if (statement === undefined) return 'unknown'
    if (statement.partial || statement.end > end || syntax.hasError(Math.max(0, statement.start), end)) return 'incomplete'
    return statement.closed && statement.end === end ? 'closed' : 'complete'
  }
}
