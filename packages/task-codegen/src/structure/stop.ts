import type { Cursor } from './cursor.js'
import { indentationOf } from './cursor.js'
import type { LogicalLines } from './logical-lines.js'
import type { Scanner } from './scanner/scanner.js'
import type { Frame, Token } from './scanner/token.js'
import { canEndStatement, goesOnWith } from './statement-ends.js'
import type { Syntax } from './syntax.js'
import { blockAround, type Target } from './target.js'

/** Against a statement the grammar never finds whole: after so many line ends that might be its own, brackets and line ends decide. */
const mostVetoes = 8

/** Reads a completion as it grows and tells where it ends. */
export class Stop {
  /** What was read, and where its end is, once that can be told. */
  private text = ''
  private end: number | undefined

  private readonly scanner: Scanner
  private readonly lines: LogicalLines
  private target: Target
  /** The last token of code, in the completion or before it, and the one that begins a statement in the completion. */
  private previous: Token | undefined
  private anchor: number | undefined
  /** There is code of the completion, or of its statement before it. */
  private content: boolean
  /** Where it ends unless the next token goes on. */
  private pending: number | undefined
  /** A line break came after the last token; nothing but white space has come on this line. */
  private broken: boolean
  private lineEmpty = false
  private contentEnd = 0
  private vetoes = 0
  /** Where the line begins that is being read, and what was open there. */
  private lineStart = 0
  private lineTop: Frame | undefined
  private firstLine = true
  /** Of the statement: its column, whether its line opened a block, and the first word of the last line read; where indentation makes the blocks. */
  private statementColumn: number | undefined
  private compound = false
  private lineWord: string | undefined
  /** `end` was read. */
  private closingLine = false

  constructor(
    private readonly cursor: Cursor,
    target: Target,
    private readonly syntax: Syntax | undefined,
  ) {
    this.target = target
    this.scanner = cursor.scanner.clone()
    this.lines = cursor.lines.clone()
    this.previous = cursor.last
    this.broken = cursor.broken
    this.lineTop = cursor.top
    this.content = (target.kind === 'statement' || target.kind === 'lines') && !target.fresh
    const { line } = cursor.final.lines
    this.lineWord = line?.word
    if (this.content) this.statementColumn = line?.column ?? cursor.indentation
  }

  /** Whether `text` goes on from what was read. */
  extends(text: string): boolean {
    return text.length >= this.text.length && text.startsWith(this.text)
  }

  /** How much was read. */
  get length(): number {
    return this.text.length
  }

  /** The length `text` must be cut to, once that can be told; with `final` no more will come. */
  read(text: string, final = false): number | undefined {
    if (this.end !== undefined && text.length >= this.end) return this.end
    this.text = text
    const ends = [this.readTokens(text, final), this.restRepeated()].filter((end) => end !== undefined)
    const forced = ends.length === 0 ? undefined : Math.min(...ends)
    const line = this.target.kind === 'line' ? /\S[^\r\n]*(?=[\r\n])/.exec(text) : null
    this.end = line === null ? forced : Math.min(line.index + line[0].length, forced ?? text.length)
    return this.end
  }

  private readTokens(text: string, final: boolean): number | undefined {
    const { cursor, scanner } = this
    const whole = cursor.head + text
    const offset = -cursor.head.length
    for (let token = scanner.next(whole, offset, final); token !== undefined; token = scanner.next(whole, offset, final)) {
      this.lines.observe(token, scanner)
      // What ends before the cursor is known.
      const end = token.end <= 0 ? undefined : (this.forced(token) ?? this.token(token))
      if (end !== undefined) return Math.max(0, end)
    }
    return final ? this.repeated(text.length, true) : undefined
  }

  /** Where no completion may go on, whatever its scope: it would close what is closed behind it, or repeat what is there. */
  private forced(token: Token): number | undefined {
    const { cursor } = this
    const { frame } = token
    if (token.type === 'close') {
      if (frame === undefined || (token.mismatched === true && frame.kind !== 'element')) return this.before(token)
      if (frame.at < 0 && (frame.depth <= cursor.closed || token.mismatched === true)) return this.before(token)
    } else if ((token.type === 'string' || token.type === 'comment') && frame !== undefined && frame.kind !== 'line' && frame.at < 0 && token.mismatched !== true && frame.depth <= cursor.closed) return token.end - frame.closer.length
    if (token.type === 'newline') return this.repeated(token.start, false)
    return undefined
  }

  /** Just before a token: behind the code before it, if that stands on an earlier line. */
  private before(token: Token): number {
    // Where its like follows on the cursor's line, the line break before it is part of the layout.
    if (!this.broken || (this.contentEnd > 0 && this.cursor.suffix.rest.startsWith(token.text))) return token.start
    return this.contentEnd
  }

  /** A line that ends at `end` says what the line below the cursor says: there the completion has caught up with the file. */
  private repeated(end: number, last: boolean): number | undefined {
    const { cursor, text } = this
    const { rest, nextLine } = cursor.suffix
    const start = this.lineStart
    const { firstLine, lineTop } = this
    this.lineStart = end + (text.startsWith('\r\n', end) ? 2 : 1)
    this.lineTop = this.scanner.top
    this.firstLine = false
    const line = (firstLine ? cursor.line : '') + text.slice(start, end)
    if (firstLine) {
      const again = this.restAgain(text.slice(0, end))
      if (again !== undefined) return again
      if (cursor.line.trim() !== '') return undefined
    }
    if (nextLine === '' || rest.trim() !== '' || !/\w\w/.test(nextLine) || !sameDepth(lineTop, cursor.top)) return undefined
    const code = line.trimEnd()
    const same = code === nextLine || (last && !firstLine && code.trim().length > 3 && nextLine.startsWith(code))
    if (!same || indentationOf(code) !== indentationOf(nextLine)) return undefined
    return firstLine ? 0 : Math.min(this.contentEndBefore(start), start)
  }

  /** What is on the cursor's line comes behind the completion: where a first line ends in the same. */
  private restAgain(firstLine: string): number | undefined {
    const again = this.cursor.suffix.rest.trim()
    const written = firstLine.trimEnd()
    if (again === '' || !written.endsWith(again) || /[\])}]/.test(again[0]!)) return undefined
    return (again.length > 1 && /\w/.test(again)) || again === ';' || again === ',' ? written.length - again.length : undefined
  }

  /** The same where the first line ends within a string or a comment. */
  private restRepeated(): number | undefined {
    const line = this.firstLine ? /^[^\r\n]*(?=[\r\n])/.exec(this.text) : null
    return line === null ? undefined : this.restAgain(line[0])
  }

  private contentEndBefore(start: number): number {
    return this.text.slice(0, start).trimEnd().length
  }

  private token(token: Token): number | undefined {
    const { target } = this
    if (target.kind === 'paragraph' && this.scanner.lexis.syntax === 'indentation') return this.indented(token, target)
    switch (target.kind) {
      case 'line':
        break
      case 'frame':
        if (token.frame === target.frame) return token.end
        break
      case 'indented':
      case 'lines':
        return this.indented(token, target)
      case 'statement':
      case 'paragraph':
      case 'block': {
        const end = token.type === 'newline' ? this.lineEnd(token, target) : token.type === 'comment' ? this.comment(token) : this.code(token, target)
        if (end !== undefined) return end
      }
    }
    this.note(token)
    return undefined
  }

  private note(token: Token): void {
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

  private comment(token: Token): undefined {
    // A comment behind the end, on its line, belongs to it.
    if (this.pending !== undefined && !this.broken) this.pending = token.end
    return undefined
  }

  private code(token: Token, target: Extract<Target, { kind: 'statement' | 'paragraph' | 'block' }>): number | undefined {
    const { scanner, cursor } = this
    const { lexis } = scanner
    if (this.pending !== undefined) {
      if (!this.goesOn(token)) return this.pending
      this.pending = undefined
    }
    const closed = token.type === 'close' ? token.frame : undefined
    if (target.kind === 'block') {
      if (closed !== target.frame) return undefined
      const parsed = this.parse(token.end)
      if (parsed && !this.syntax!.goesOnBehind(target.frame.at) && (scanner.top === undefined || scanner.top.block)) return token.end
      const statement = parsed ? this.syntax!.statementAt(target.frame.at) : undefined
      let base = scanner.top
      if (statement === undefined) base = blockAround(base)
      else while (base !== undefined && base.at >= statement.start) base = base.parent
      this.target = { kind: 'statement', base, fresh: false, comma: false, anchor: target.frame.at, singleLine: false }
      if (scanner.top === base) this.pending = token.end
      return undefined
    }
    if (closed !== undefined && closed.at < 0 && closed.depth <= (target.base?.depth ?? 0)) {
      // The block around the statement ends here, and so does the statement, if there is one.
      if (this.content) return this.contentEnd
      const base = blockAround(closed.parent)
      this.target = { kind: 'statement', base, fresh: false, comma: false, anchor: closed.at, singleLine: false }
      if (scanner.top === base) this.pending = token.end
      return undefined
    }
    if (scanner.top !== target.base) return undefined
    if (target.kind === 'paragraph') return undefined
    if (token.text === ';' && token.type === 'punctuation') {
      const header = cursor.language === 'go' && /^(?:for|if|switch|select)$/.test((scanner.lineFirst?.text === '}' ? 'if' : scanner.lineFirst?.text) ?? '')
      return header ? undefined : token.end
    }
    if (token.text === ',' && target.comma) return token.end
    if (closed !== undefined && token.text === '}' && lexis.newline !== 'always') {
      const verdict = this.verdict(token.end, target)
      if (verdict === 'closed') return token.end
      if (verdict !== 'incomplete') this.pending = token.end
    }
    return undefined
  }

  private goesOn(token: Token): boolean {
    const { previous } = this
    if (token.type === 'close') return false
    if (this.closingLine) return !this.broken
    if (!this.broken) return true
    if (this.scanner.lexis.syntax === 'unknown' && token.column !== undefined && this.statementColumn !== undefined) {
      if (token.column > this.statementColumn) return true
      if (/^(?:end|fi|done|esac|od)$/.test(token.text) && token.column === this.statementColumn) {
        this.closingLine = true
        return true
      }
    }
    return previous !== undefined && goesOnWith(token, previous, this.startsWithDo(), this.scanner)
  }

  private startsWithDo(): boolean {
    const at = this.target.kind === 'statement' && !this.target.fresh ? this.target.anchor : (this.anchor ?? 0)
    return /^do\b/.test((at < 0 ? this.cursor.prefix.slice(at) : this.text.slice(at)).slice(0, 3)) || this.cursor.lineFirst?.text === 'do'
  }

  private lineEnd(token: Token, target: Extract<Target, { kind: 'statement' | 'paragraph' | 'block' }>): number | undefined {
    const { scanner, cursor, previous } = this
    const { lexis } = scanner
    if (target.kind === 'paragraph') return this.content && this.lineEmpty && scanner.top === target.base ? this.contentEnd : undefined
    if (target.kind === 'block') return undefined
    if (target.singleLine && this.content && this.contentEnd > 0 && (scanner.top?.depth ?? 0) <= (cursor.top?.depth ?? 0)) return this.contentEnd
    if (!this.content || scanner.top !== target.base || previous === undefined) return undefined
    if (previous.type === 'directive') return this.contentEnd > 0 ? this.contentEnd : undefined
    if (this.pending !== undefined) return lexis.newline === 'always' ? this.pending : undefined
    // A decorator alone on its line.
    if (/^[^\S\n]*@[\w.]+(?:\(.*\))?\s*$/.test(this.text.slice(this.text.lastIndexOf('\n', token.start - 1) + 1, token.start))) return undefined
    if (lexis.newline === 'never' || !canEndStatement(previous, scanner, cursor.language)) return undefined
    if (this.contentEnd <= 0) {
      // The prefix's own statement was whole: another begins on the next line.
      if (!target.fresh && this.verdict(0, target) !== 'incomplete') {
        this.content = false
        this.statementColumn = undefined
        this.target = { ...target, fresh: true }
      }
      return undefined
    }
    if (lexis.syntax !== 'unknown' && this.vetoes < mostVetoes && this.verdict(this.contentEnd, target) === 'incomplete') {
      this.vetoes++
      return undefined
    }
    if (lexis.newline === 'always') return this.contentEnd
    this.pending = this.contentEnd
    return undefined
  }

  private parse(end: number): boolean {
    return this.syntax?.parse(this.text.slice(0, end) + this.scanner.closing()) === true
  }

  /** What the grammar thinks of the statement, were the text to end here. */
  private verdict(end: number, target: Extract<Target, { kind: 'statement' }>): 'closed' | 'complete' | 'incomplete' | 'unknown' {
    if (!this.parse(end)) return 'unknown'
    const syntax = this.syntax!
    const statement = syntax.statementAt(target.fresh ? (this.anchor ?? 0) : target.anchor)
    if (statement === undefined) return 'unknown'
    if (statement.partial || statement.end > end || syntax.hasError(Math.max(0, statement.start), end)) return 'incomplete'
    return statement.closed && statement.end === end ? 'closed' : 'complete'
  }

  /** Where indentation makes the blocks. */
  private indented(token: Token, target: Extract<Target, { kind: 'indented' | 'lines' | 'paragraph' }>): number | undefined {
    const { scanner, lines, cursor } = this
    if (token.type === 'comment') {
      const inside = target.kind === 'indented' ? target.limit : target.kind === 'paragraph' ? target.column - 1 : (this.statementColumn ?? Infinity)
      if (!this.broken || (token.column ?? 0) > inside) this.contentEnd = token.end
      this.lineEmpty = false
      return undefined
    }
    if (token.type === 'newline') {
      const blank = this.lineEmpty
      this.broken = true
      this.lineEmpty = true
      if (scanner.top !== undefined || !this.content) return undefined
      if (target.kind === 'paragraph') return blank ? this.contentEnd : undefined
      if (target.kind === 'indented') return undefined
      if (target.singleLine && this.contentEnd > 0) return this.contentEnd
      if (this.lineWord === '@') return undefined
      if (this.previous?.text === ':') this.compound = true
      else if (!this.compound) {
        if (this.contentEnd > 0) return this.contentEnd
        // The prefix's own statement was whole: another begins on the next line.
        this.content = false
        this.statementColumn = undefined
      }
      return undefined
    }
    if (lines.line?.start === token.start && cursor.final.lines.line?.start === token.start) this.lineWord = token.text // The line's first word was begun before the cursor.
    else if (lines.line?.start === token.start) {
      const { column } = lines.line
      const first = !this.content
      const decorated = this.lineWord === '@'
      this.lineWord = token.text
      if (target.kind === 'indented') {
        if (column <= target.limit) return this.contentEnd
      } else if (target.kind === 'paragraph') {
        if (column < target.column) return this.contentEnd
      } else if (first) {
        this.statementColumn = column
        // Written in a block, on an empty line; this is no longer in it.
        if (cursor.line.trim() === '' && column < cursor.column) return 0
      } else if (!(decorated && column === this.statementColumn) && !(this.compound && (column > this.statementColumn! || (column === this.statementColumn && /^(?:elif|else|except|finally)$/.test(token.text))))) return this.contentEnd
    }
    this.note(token)
    return undefined
  }
}

function sameDepth(a: Frame | undefined, b: Frame | undefined): boolean {
  return (a?.depth ?? 0) <= (b?.depth ?? 0)
}
