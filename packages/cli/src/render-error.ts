import type { Description } from './errors/describe.js'
import type { Channel } from './terminal.js'
import { wrap } from './wrap.js'

const INDENT = 2

/** What happened, and below it what to do: a line each, and on a terminal as many as its width asks for. */
export function renderError({ code, message, remedy }: Description, { colors, interactive, width }: Pick<Channel, 'colors' | 'interactive' | 'width'>): string[] {
  if (!interactive) return [`${colors.red(`error ${code}`)} ${message}`, `  ${remedy}`]
  const happened = wrap([{ text: `error ${code}`, paint: colors.red }, { text: ` ${message}`, paint: String }], width)
  return [...happened, ...wrap([{ text: remedy, paint: String }], width - INDENT).map((line) => ' '.repeat(INDENT) + line)]
}
