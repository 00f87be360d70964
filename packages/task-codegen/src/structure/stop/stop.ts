import type { Cursor } from '../cursor.js'
import type { Token } from '../scanner/token.js'
import { Semicolons, type Forgotten } from '../semicolons.js'
import type { Syntax } from '../syntax.js'
import type { Target } from '../target.js'
import { Behind } from './behind.js'
import { ByBrackets } from './by-brackets.js'
import { ByIndentation } from './by-indentation.js'
import { Progress } from './progress.js'

/** Where a completion's own text says that it ends. */
interface End {
  /** Where it ends, if this token tells; else goes on behind it. */
  end(token: Token): number | undefined
}

/** Reads a completion as it grows and tells where it ends, up to a bracket that was `forgotten`. */
export class Stop {
  private readonly progress: Progress
  private readonly behind: Behind
  private readonly own: End
  private readonly semicolons: Semicolons | undefined
  /** Where its end is, once that can be told. */
  private end: number | undefined
  /** Brackets that have to be closed before the rest can be read. */
  forgotten: Forgotten | undefined

  /** @param mends Whether brackets that were forgotten are looked for. */
  constructor(
    private readonly cursor: Cursor,
    private readonly target: Target,
    syntax: Syntax | undefined,
    mends: boolean,
  ) {
    this.progress = new Progress(cursor, target)
    this.behind = new Behind(this.progress)
    this.semicolons = mends ? new Semicolons(cursor) : undefined
    this.own = endOf(this.progress, target, syntax)
  }

  /** The length `text` must be cut to, once that can be told; with `final` no more will come. `text` goes on from what was read. */
  read(text: string, final = false): number | undefined {
    if (this.end !== undefined && text.length >= this.end) return this.end
    this.progress.text = text
    const ends = [this.readTokens(text, final), this.behind.restRepeated()].filter((end) => end !== undefined)
    const forced = ends.length === 0 ? undefined : Math.min(...ends)
    const line = this.target.kind === 'line' ? /\S[^\r\n]*(?=[\r\n])/.exec(text) : null
    this.end = line === null ? forced : Math.min(line.index + line[0].length, forced ?? text.length)
    return this.end
  }

  private readTokens(text: string, final: boolean): number | undefined {
    const { scanner, lines } = this.progress
    const { head } = this.cursor
    const whole = head + text
    for (let token = scanner.next(whole, -head.length, final); token !== undefined; token = scanner.next(whole, -head.length, final)) {
      lines.observe(token, scanner)
      this.forgotten = this.semicolons?.observe(token, scanner)
      if (this.forgotten !== undefined) return undefined
      // What ends before the cursor is known.
      const end = token.end <= 0 ? undefined : (this.behind.end(token) ?? this.own.end(token))
      if (end !== undefined) return Math.max(0, end)
    }
    if (!final) return undefined
    this.forgotten = this.semicolons?.left
    return this.forgotten === undefined ? this.behind.lineEnd(text.length, true) : undefined
  }
}

function endOf(progress: Progress, target: Target, syntax: Syntax | undefined): End {
  switch (target.kind) {
    case 'line':
      return { end: (token) => void progress.note(token) }
    case 'frame':
      return {
        end(token) {
          if (token.frame === target.frame) return token.end
          progress.note(token)
          return undefined
        },
      }
    case 'indented':
    case 'lines':
      return new ByIndentation(progress, target)
    case 'paragraph':
      return progress.scanner.lexis.syntax === 'indentation' ? new ByIndentation(progress, target) : new ByBrackets(progress, target, syntax)
    case 'statement':
    case 'block':
      return new ByBrackets(progress, target, syntax)
  }
}
