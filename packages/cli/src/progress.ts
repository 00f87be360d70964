import type { ProgressEvent } from '@tenon/core'
import type { Channel } from './terminal.js'
import { textWidth, truncate } from './text-width.js'
import { bytes, count } from './units.js'
import { wrap } from './wrap.js'

/** Shows how far long work is. On a terminal one line, drawn over and erased at the end; elsewhere a line now and then. */
export interface Progress extends Disposable {
  /** What is being done now, in words. */
  stage(stage: string): void
  update(event: Omit<ProgressEvent, 'type'>): void
  /** Something the user should know: a line of its own, that stays. */
  note(message: string): void
  /** Erases the line until there is more to tell, so that something else can be printed. */
  clear(): void
}

/** A stage that is over sooner is not shown: a flash tells nobody anything. */
const PATIENCE = 150
const REDRAW = 100
/** Between two lines in a log file. */
const SPARSE = 5_000
const BAR = 24
const ERASE = '\r\u001b[2K'

export const silent: Progress = { stage() {}, update() {}, note() {}, clear() {}, [Symbol.dispose]() {} }

export function createProgress(channel: Channel, now: () => number = () => performance.now()): Progress {
  let current: Omit<ProgressEvent, 'type'> | undefined
  let began = now()
  let drawn = ''
  let lastLine = now()
  let timer: NodeJS.Timeout | undefined

  const draw = () => {
    if (current === undefined || now() - began < PATIENCE) return
    const line = bar(current, channel)
    if (line !== drawn) void channel.write(ERASE + line)
    drawn = line
  }
  const erase = () => {
    if (drawn !== '') void channel.write(ERASE)
    drawn = ''
  }
  const clear = () => {
    current = undefined
    erase()
  }
  const update = (event: Omit<ProgressEvent, 'type'>) => {
    if (event.stage !== current?.stage) began = now()
    current = event
    if (channel.interactive) {
      timer ??= setInterval(draw, REDRAW).unref()
    } else if (now() - lastLine >= SPARSE) {
      lastLine = now()
      void channel.print(sentence(event))
    }
  }
  return {
    update,
    stage: (stage) => update({ stage, done: 0, unit: '' }),
    note(message) {
      erase()
      const { colors, interactive, width } = channel
      void channel.print(...(interactive ? wrap([{ text: 'note', paint: colors.yellow }, { text: ` ${message}`, paint: String }], width) : [`${colors.yellow('note')} ${message}`]))
    },
    clear,
    [Symbol.dispose]() {
      clearInterval(timer)
      clear()
    },
  }
}

function amount({ done, total, unit }: Omit<ProgressEvent, 'type'>): string {
  const size = unit === 'bytes' ? bytes : count
  if (total === undefined) return done === 0 ? '' : unit === 'bytes' ? bytes(done) : `${count(done)} ${unit}`
  return `${size(done)} of ${size(total)}`
}

const sentence = (event: Omit<ProgressEvent, 'type'>) => [`${event.stage} …`, amount(event)].filter(Boolean).join(' ')

function bar(event: Omit<ProgressEvent, 'type'>, { colors, width }: Channel): string {
  const { stage, done, total } = event
  if (total === undefined || total === 0) return colors.dim(truncate(sentence(event), width - 1))
  const right = amount(event)
  const room = Math.min(BAR, width - textWidth(stage) - textWidth(right) - 5)
  if (room < 8) return colors.dim(truncate(sentence(event), width - 1))
  const filled = Math.min(room, Math.round((done / total) * room))
  return `${colors.dim(stage)}  ${colors.cyan('━'.repeat(filled))}${colors.dim('─'.repeat(room - filled))}  ${colors.dim(right)}`
}
