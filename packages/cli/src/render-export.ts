import type { ExportedFile, ExportReport } from '@tenon/models/export'
import { table } from './table.js'
import type { Channel } from './terminal.js'
import { padStart } from './text-width.js'
import { bytes, duration } from './units.js'

type Style = Pick<Channel, 'colors' | 'width'>

export interface Exported extends ExportReport {
  readonly model: string
  readonly family: string
  readonly head: string
  readonly milliseconds: number
}

const origins: Readonly<Record<ExportedFile['origin'], string>> = {
  written: '',
  copied: '',
  linked: "shared with the source's file: replace either as a whole, never write into it",
  cloned: "shares its room with the source's file until one of them changes",
}

/** The files with their sizes, and what was made of what. */
export function renderExport({ model, family, head, folder, files, bytes: total, sharedBytes, milliseconds }: Exported, { colors, width }: Style): string[] {
  const sizes = files.map((file) => bytes(file.bytes))
  const longest = Math.max(...sizes.map((size) => size.length))
  const rows = files.map(({ file, origin }, index) => [padStart(sizes[index]!, longest), file, colors.dim(origins[origin])])
  const shared = sharedBytes > 0 ? `, ${bytes(sharedBytes)} of them not copied` : ''
  return [
    `${colors.green('✓')} ${colors.bold(folder)}`,
    '',
    ...table(rows, width),
    '',
    `${colors.dim(`${model}, a ${family} with the head '${head}': ${bytes(total)} in ${duration(milliseconds)}${shared}`)}`,
  ]
}
