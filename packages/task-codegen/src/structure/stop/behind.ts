import { indentationOf } from '../cursor.js'
import type { Scanner } from '../scanner/scanner.js'
import type { Token } from '../scanner/token.js'
import { closedBy } from '../suffix.js'
import type { Progress } from './progress.js'

/** Where no completion may go on, whatever its scope: it would close what is closed behind the cursor, or repeat what is there. */
export class Behind {
  /** Where the line begins that is being read, and how the scanner stood there. */
  private lineStart = 0
  private lineScanner: Scanner
  private firstLine = true

  constructor(private readonly progress: Progress) {
    this.lineScanner = progress.cursor.final.scanner
  }

  end(token: Token): number | undefined {
    const { cursor } = this.progress
    const { frame } = token
    if (token.type === 'close') {
      if (frame === undefined || (token.mismatched === true && frame.kind !== 'element')) return this.before(token)
      if (frame.at < 0 && (frame.depth <= cursor.closed || token.mismatched === true)) return this.before(token)
    } else if ((token.type === 'string' || token.type === 'comment') && frame !== undefined && frame.kind !== 'line' && frame.at < 0 && token.mismatched !== true && frame.depth <= cursor.closed) return token.end - frame.closer.length
    if (token.type === 'newline') return this.lineEnd(token.start, false)
    return undefined
  }

  /** Just before a token: behind the code before it, if that stands on an earlier line. */
  private before(token: Token): number {
    const { broken, contentEnd, cursor } = this.progress
    // Where its like follows on the cursor's line, the line break before it is part of the layout.
    if (!broken || (contentEnd > 0 && cursor.suffix.rest.startsWith(token.text))) return token.start
    return contentEnd
  }

  /** A line that ends at `end` says what the line below the cursor says: there the completion has caught up with the file. With `last` it is the completion's last one. */
  lineEnd(end: number, last: boolean): number | undefined {
    const { cursor, text, scanner } = this.progress
    const { rest, nextLine } = cursor.suffix
    const start = this.lineStart
    const { firstLine, lineScanner } = this
    this.lineStart = end + (text.startsWith('\r\n', end) ? 2 : 1)
    this.lineScanner = scanner.clone()
    this.firstLine = false
    const line = (firstLine ? cursor.line : '') + text.slice(start, end)
    if (firstLine) {
      const again = this.restAgain(text.slice(0, end))
      if (again !== undefined) return again
      if (cursor.line.trim() !== '') return undefined
    }
    // A line of a letter or two is the same by chance, unless it stands where a body begins.
    const telling = /\w\w/.test(nextLine) || (/\w/.test(nextLine) && /(?:[{([:]|=>)$/.test(text.slice(0, start).trimEnd()))
    if (rest.trim() !== '' || !telling) return undefined
    const code = line.trimEnd()
    const same = code === nextLine || (last && !firstLine && code.trim().length > 3 && nextLine.startsWith(code))
    if (!same || indentationOf(code) !== indentationOf(nextLine) || !this.closedFrom(lineScanner)) return undefined
    return firstLine ? 0 : text.slice(0, start).trimEnd().length
  }

  /** Whether what was opened since the cursor is closed behind it. */
  private closedFrom(scanner: Scanner): boolean {
    const { cursor } = this.progress
    const depth = scanner.top?.depth ?? 0
    return depth <= (cursor.top?.depth ?? 0) || depth <= closedBy(cursor.suffix.closersBehind(scanner), scanner.top)
  }

  /** What is on the cursor's line comes behind the completion: where a first line ends in the same. */
  private restAgain(firstLine: string): number | undefined {
    const again = this.progress.cursor.suffix.rest.trim()
    const written = firstLine.trimEnd()
    if (again === '' || !written.endsWith(again) || /[\])}]/.test(again[0]!)) return undefined
    return (again.length > 1 && /\w/.test(again)) || again === ';' || again === ',' ? written.length - again.length : undefined
  }

  /** The same where the first line ends within a string or a comment. */
  restRepeated(): number | undefined {
    const line = this.firstLine ? /^[^\r\n]*(?=[\r\n])/.exec(this.progress.text) : null
    return line === null ? undefined : this.restAgain(line[0])
  }
}
