import { createInterface } from 'node:readline'
import type { Terminal } from './context.js'

/** Lines typed into a terminal, put together to what is said. */
export interface Turns extends AsyncIterable<string>, Disposable {
  /** What Ctrl-C does. Default: ends the turns. */
  onInterrupt: () => void
  /** Shows that something may be typed. */
  invite(): void
  /** No more turns. */
  end(): void
}

const MORE = '… '
const FENCE = '"""'

/** A line that ends with a backslash goes on in the next; what stands between lines of three quotes is one turn. */
export function readTurns({ input, output }: Terminal, { prompt, signal }: { readonly prompt: string; readonly signal: AbortSignal }): Turns {
  const lines = createInterface({ input, output, prompt, terminal: true, historySize: 200 })
  const end = () => lines.close()
  signal.addEventListener('abort', end, { once: true })
  const turns: Turns = {
    onInterrupt: end,
    invite: () => lines.prompt(),
    end,
    async *[Symbol.asyncIterator]() {
      let [before, isFenced] = ['', false]
      for await (const line of lines) {
        const isFence = line.trim() === FENCE
        const goesOn = isFenced ? !isFence : isFence || line.endsWith('\\')
        const said = isFence ? before : before + (isFenced || !goesOn ? line : line.slice(0, -1))
        isFenced = isFence ? !isFenced : isFenced
        if (goesOn) {
          before = isFence ? before : `${said}\n`
          output.write(MORE)
        } else {
          before = ''
          yield isFence ? said.replace(/\n$/, '') : said
        }
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
