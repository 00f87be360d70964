import { createInterface } from 'node:readline'
import { ReadableStream, type ReadableStreamDefaultController } from 'node:stream/web'
import type { Terminal } from './context.js'

/** Lines typed into a terminal, put together to what is said. */
export interface Turns extends AsyncIterable<string>, Disposable {
  /** What Ctrl-C does. Default: ends the turns. */
  onInterrupt: () => void
  /** Shows that something may be typed. */
  invite(): void
  /** Takes back the turn that is being typed, and says whether there was one. */
  discard(): boolean
  /** No more turns. */
  end(): void
}

export interface TurnsOptions {
  readonly prompt: string
  /** Whether the terminal is asked to say where pasted text begins and ends. */
  readonly marksPastes: boolean
  readonly signal: AbortSignal
}

const MORE = '… '
const FENCE = '"""'

/** Milliseconds within which lines came together: more than a terminal needs for a paste, and less than anyone for a key. */
const TOGETHER = 20

/** Bracketed paste, as xterm has it: https://invisible-island.net/xterm/ctlseqs/ctlseqs.html */
const [MARK_PASTES, LEAVE_PASTES] = ['\u001b[?2004h', '\u001b[?2004l']

/**
 * A line that ends with a backslash goes on in the next; what stands between lines of three quotes is one turn. Lines that are pasted
 * are one turn, too: where the paste ends within a line, what is typed behind it, up to Enter, belongs to it.
 */
export function readTurns({ input, output }: Terminal, { prompt, marksPastes, signal }: TurnsOptions): Turns {
  const lines = createInterface({ input, output, prompt, terminal: true, historySize: 200 })
  const composer = new Composer()
  let arrivals!: ReadableStreamDefaultController<readonly string[]>
  const arrived = new ReadableStream<readonly string[]>({ start: (controller) => void (arrivals = controller) })
  let waiting: string[] = []
  let isPasting = false
  let timer: NodeJS.Timeout | undefined

  const deliver = () => {
    clearTimeout(timer)
    if (waiting.length === 0) return
    arrivals.enqueue(waiting)
    waiting = []
  }
  const deliverSoon = () => {
    clearTimeout(timer)
    timer = setTimeout(() => lines.line === '' && !isPasting && deliver(), TOGETHER)
  }
  const onLine = (line: string) => {
    waiting.push(line)
    deliverSoon()
  }
  const onKey = (_text: unknown, { name }: { readonly name?: string }) => {
    if (name === 'paste-start') isPasting = true
    if (name !== 'paste-end') return
    isPasting = false
    deliverSoon()
  }
  const end = () => lines.close()

  lines.on('line', onLine)
  lines.once('close', () => {
    input.off('keypress', onKey)
    lines.off('line', onLine)
    deliver()
    arrivals.close()
    if (marksPastes) output.write(LEAVE_PASTES)
  })
  input.on('keypress', onKey)
  signal.addEventListener('abort', end, { once: true })
  if (marksPastes) output.write(MARK_PASTES)

  const turns: Turns = {
    onInterrupt: end,
    invite: () => lines.prompt(),
    discard() {
      const isEmpty = lines.line === '' && waiting.length === 0 && !composer.isOpen
      waiting = []
      composer.clear()
      for (const name of ['e', 'u']) lines.write(null, { ctrl: true, name }) // to the end, and all before it
      return !isEmpty
    },
    end,
    async *[Symbol.asyncIterator]() {
      for await (const block of arrived.values({ preventCancel: true })) {
        yield* composer.add(block)
        if (composer.isOpen) output.write(MORE)
      }
    },
    [Symbol.dispose]() {
      signal.removeEventListener('abort', end)
      lines.close()
    },
  }
  lines.on('SIGINT', () => turns.onInterrupt())
  return turns
}

/** Puts lines together to turns. */
class Composer {
  #before = ''
  #isFenced = false

  /** Whether what was added last goes on. */
  get isOpen(): boolean {
    return this.#isFenced || this.#before !== ''
  }

  clear(): void {
    this.#before = ''
    this.#isFenced = false
  }

  /** @param block Lines that came together. */
  *add(block: readonly string[]): Generator<string> {
    if (block.length > 1 && !this.#isFenced) return yield this.#end(`${this.#before}${withoutFence(block).join('\n')}`)
    for (const line of block) yield* this.#line(line)
  }

  *#line(line: string): Generator<string> {
    if (line.trim() === FENCE) {
      this.#isFenced = !this.#isFenced
      if (!this.#isFenced) yield this.#end(this.#before.replace(/\n$/, ''))
    } else if (this.#isFenced) this.#before += `${line}\n`
    else if (line.endsWith('\\')) this.#before += `${line.slice(0, -1)}\n`
    else yield this.#end(this.#before + line)
  }

  #end(turn: string): string {
    this.clear()
    return turn
  }
}

const withoutFence = (block: readonly string[]): readonly string[] => (block[0]!.trim() === FENCE && block.at(-1)!.trim() === FENCE ? block.slice(1, -1) : block)
