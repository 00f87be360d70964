import { Help, type HelpConfiguration } from 'commander'
import type { Channel } from './terminal.js'
import { textWidth } from './text-width.js'
import { wrap } from './wrap.js'

type Painted = Pick<Channel, 'colors' | 'width'>

const [INDENT, DEEPER] = ['  ', '    ']
const BELOW = ' '.repeat(6)
const GAP = 3

/** Fewer columns are no room for what an option does: it stands below its name then. */
const NARROWEST = 30

/** commander's own layout, but for what it does not wrap: usage, and items in a narrow terminal. */
export function withinWidth({ width }: Painted): HelpConfiguration {
  const usual = new Help()
  const title = 'Usage: '
  return {
    minWidthToWrap: NARROWEST,
    styleUsage(usage) {
      return wrap([{ text: usage, paint: String }], width - title.length).map((line) => usual.styleUsage.call(this, line)).join(`\n${' '.repeat(title.length)}`)
    },
    formatItem(term, termWidth, description, helper) {
      if (description === '' || width - termWidth - 2 * INDENT.length >= NARROWEST) return usual.formatItem.call(this, term, termWidth, description, helper)
      return [`${INDENT}${term}`, ...wrap([{ text: description, paint: String }], width - BELOW.length).map((line) => BELOW + line)].join('\n')
    },
  }
}

/** Commands, with what each is for behind it; where one of the lines would be too long, below it. */
export function examples({ colors, width }: Painted, list: readonly (readonly [command: string, purpose: string])[]): string {
  const longest = Math.max(...list.filter(([, purpose]) => purpose !== '').map(([command]) => command.length))
  const beside = list.map(([command, purpose]) => (purpose === '' ? `${INDENT}${command}` : `${INDENT}${command.padEnd(longest)}  ${colors.dim(purpose)}`))
  const lines = beside.every((line) => textWidth(line) <= width) ? beside : list.flatMap(([command, purpose]) => [...indented(command, INDENT, width), ...indented(purpose, DEEPER, width, colors.dim)])
  return `\n${colors.bold('Examples:')}\n${lines.join('\n')}`
}

/** What else the help of a command says: its exit codes, as many on a line as there is room for. */
export function exitCodesOf({ colors, width }: Painted, list: readonly (readonly [code: string, meaning: string])[]): string {
  const lines: string[] = []
  for (const each of list) {
    const [last, text] = [lines.at(-1), each.join(' ')]
    if (last === undefined || last.length + GAP + text.length > width) lines.push(...indented(text, INDENT, width))
    else lines[lines.length - 1] = `${last}${' '.repeat(GAP)}${text}`
  }
  return `\n\n${colors.bold('Exit codes:')}\n${lines.join('\n')}`
}

/** Lines behind the first stand further in. */
function indented(text: string, indent: string, width: number, paint: (text: string) => string = String): string[] {
  if (text === '') return []
  return wrap([{ text, paint }], width - DEEPER.length).map((line, index) => (index === 0 ? indent : DEEPER) + line)
}
