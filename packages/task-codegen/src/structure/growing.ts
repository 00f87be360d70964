import { beforeLine, type Cursor } from './cursor.js'
import type { Forgotten } from './semicolons.js'
import { Stop } from './stop/stop.js'
import type { Syntax } from './syntax.js'
import type { Target } from './target.js'

/** A text of noise may have forgotten brackets in each line. */
const mostMended = 8

/** A completion that grows, with the brackets that it forgot to close before semicolons: what ends it is told of the mended text. */
export class Growing {
  private text = ''
  private mended = ''
  private end: number | undefined
  private stop: Stop
  /** In the order of the text; each place counts those before it. */
  private readonly mends: Forgotten[] = []

  constructor(
    private readonly cursor: Cursor,
    private readonly target: Target,
    private readonly syntax: Syntax | undefined,
  ) {
    this.stop = new Stop(cursor, target, syntax, true)
  }

  /** Whether `text` goes on from what was read. */
  extends(text: string): boolean {
    return text.startsWith(this.text)
  }

  /** How much was read. */
  get length(): number {
    return this.text.length
  }

  /** The length `text` must be cut to, once that can be told; with `final` no more will come. */
  read(text: string, final = false): number | undefined {
    this.text = text
    this.mended = this.mends.reduce(closed, text)
    for (;;) {
      this.end = this.withLineBreak(this.stop.read(this.mended, final))
      const { forgotten } = this.stop
      if (forgotten === undefined || (this.end !== undefined && this.end <= forgotten.at)) return this.end === undefined ? undefined : this.written(this.end)
      this.mends.push(forgotten)
      this.mended = closed(this.mended, forgotten)
      this.stop = new Stop(this.cursor, this.target, this.syntax, this.mends.length < mostMended)
    }
  }

  /** A line that is written before one that is there keeps its end. */
  private withLineBreak(end: number | undefined): number | undefined {
    if (end === undefined || !beforeLine(this.cursor) || this.mended.slice(0, end).trim() === '') return end
    return end + (/^[^\S\r\n]*\r?\n/.exec(this.mended.slice(end, end + 1_000))?.[0].length ?? 0)
  }

  /** What was read, mended, up to its end. */
  get whole(): string {
    return this.mended.slice(0, this.end)
  }

  /** A place in the mended text, as the model wrote it. */
  private written(place: number): number {
    return this.mends.reduceRight((at, { at: from, closers }) => (at <= from ? at : Math.max(from, at - closers.length)), place)
  }
}

function closed(text: string, { at, closers }: Forgotten): string {
  return text.slice(0, at) + closers + text.slice(at)
}
