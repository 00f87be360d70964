import type { Diagnosis, ModelDiagnosis } from './diagnosis.js'
import type { FamilySupport } from './doctor/support.js'
import { table } from './table.js'
import type { Channel } from './terminal.js'
import { padEnd, padStart, textWidth } from './text-width.js'
import { bytes, count, duration } from './units.js'

type Style = Pick<Channel, 'colors' | 'width'>

/** A page of tables: the machine, what can compute on it, and whether the model runs. */
export function renderDiagnosis(diagnosis: Diagnosis, style: Style): string[] {
  const { colors, width } = style
  const section = (title: string, rows: readonly (readonly string[])[]) => ['', colors.bold(title), ...table(rows, width)]
  return [
    colors.bold(`Tenon ${diagnosis.tenon}`),
    ...section('Machine', machine(diagnosis)),
    ...backends(diagnosis, style),
    ...section('Libraries', libraries(diagnosis, style)),
    ...section('Model', model(diagnosis.model, style)),
    '',
    verdict(diagnosis, style),
  ]
}

function machine({ node, platform, processor, memory, backends }: Diagnosis): string[][] {
  const details = backends.flatMap(({ probe }) => (probe.available ? [probe.details ?? {}] : []))[0] ?? {}
  const features = details['cpuFeatures']
  return [
    ['Node', node],
    ['Platform', platform],
    ['Processor', `${processor.model}, ${processor.threads} threads`],
    ...(features === undefined ? [] : [['', features]]),
    ...(details['quantization'] === undefined ? [] : [['', details['quantization']]]),
    ['Memory', `${bytes(memory.available)} available of ${bytes(memory.total)}; this process holds ${bytes(memory.process)}`],
  ]
}

/** A page of one table: each backend and device, what it runs, and how fast. */
function backends({ backends: all }: Diagnosis, style: Style): string[] {
  const { colors, width } = style
  const measured = all.some(({ devices }) => devices.some(({ speed }) => speed !== null))
  const reasons = new Map<string, string[]>()
  /** The number of a reason below the table; many devices may have one. */
  const because = (label: string, reason: string) => {
    reasons.set(reason, [...(reasons.get(reason) ?? []), label])
    return `see ${[...reasons.keys()].indexOf(reason) + 1}`
  }
  const rows = all.flatMap(({ name, probe, runs, devices }) => {
    if (devices.length === 0) return [[name, '', sign(probe.available, style), ...(probe.available ? whatRuns(runs) : [because(name, probe.reason)])]]
    return devices.map(({ device, available, reason, speed }) => {
      const label = `${name}/${device}`
      if (!available || !probe.available) return [name, device, sign(false, style), because(label, reason ?? (probe.available ? 'it is not available' : probe.reason))]
      if (speed?.ok === false) return [name, device, sign(false, style), because(label, `${speed.error.message}. ${speed.error.remedy}`)]
      return [name, device, sign(true, style), ...whatRuns(runs), ...(speed === null ? [] : [duration(speed.milliseconds), `${threeDigits(speed.gigaflops)} GFLOP/s`])]
    })
  })
  const lacking = all.flatMap(({ name, runs }) => (runs?.families ?? []).filter((family) => !family.runs).map(({ family, missing }) => `${name} cannot run ${family}, for it lacks ${missing}.`))
  const legend = [
    'encoders: families of models that it runs. kernels: operators that these are made of and it has; the others it computes in simpler ones.',
    ...(measured ? ['A layer is one of all-MiniLM-L6-v2, in float32: the time for one text of 128 tokens, and the most operations a second with many.'] : []),
    ...lacking,
  ]
  const header = ['', '', '', 'encoders', 'kernels', ...(measured ? ['a layer', 'at most'] : [])]
  return [
    '',
    ...titled(colors.bold('Backends'), columns([header, ...rows]), colors.dim),
    '',
    ...legend.flatMap((line) => table([[line]], width)).map(colors.dim),
    ...(reasons.size === 0 ? [] : ['', colors.bold('What is missing'), ...table(Array.from(reasons, ([reason, labels], index) => [`${index + 1}`, `${labels.join(', ')}: ${reason}`]), width)]),
  ]
}

const whatRuns = (runs: FamilySupport | null): string[] => {
  if (runs === null) return ['', '']
  const { families, operators } = runs
  return [`${families.filter((family) => family.runs).length} of ${families.length}`, `${operators.native} of ${operators.native + operators.lowered.length}`]
}

/** Aligned: names to the left, figures to the right; where there are none, what is said instead goes on over their columns. */
function columns(rows: readonly (readonly string[])[]): string[] {
  const count = Math.max(...rows.map((row) => row.length))
  const full = rows.filter((row) => row.length === count)
  const widths = Array.from({ length: count }, (_, column) => Math.max(...(column < 3 ? rows : full).map((row) => textWidth(row[column] ?? ''))))
  return rows.map((row) => row.map((cell, column) => (column < 3 ? padEnd(cell, widths[column]!) : row.length < count ? cell : padStart(cell, widths[column]!))).join('  ').trimEnd())
}

/** The heading of a table stands in its first line, over the names. */
const titled = (title: string, [header, ...lines]: readonly string[], dim: (text: string) => string): string[] => [title + dim(`  ${header!}`.slice(textWidth('Backends'))), ...lines.map((line) => `  ${line}`)]

const threeDigits = (value: number): string => (value >= 100 ? count(Math.round(value)) : value >= 10 ? value.toFixed(1) : value.toFixed(2))

function libraries({ libraries: versions, backends }: Diagnosis, style: Style): string[][] {
  const binding = backends.flatMap(({ probe }) => (probe.available && probe.details?.['binding'] ? [probe.details['binding']] : []))[0]
  const rows = Object.entries(versions).map(([name, version]) => [name, sign(version !== null, style), version ?? `is not installed: npm install ${name}`])
  return binding === undefined ? rows : [...rows, ['binding', sign(!binding.startsWith('worker'), style), binding]]
}

function model(found: ModelDiagnosis, style: Style): string[][] {
  if (!found.ok) {
    return [
      [sign(false, style), `${found.model}: ${found.error.message}`],
      ['', found.error.remedy],
    ]
  }
  const sensible = found.alike > found.unlike
  return [
    [sign(true, style), found.model],
    [sign(true, style), `first vector after ${duration(found.loadMilliseconds)}, then ${duration(found.millisecondsPerText)} per text; ${found.dimensions} dimensions`],
    [sign(sensible, style), `related texts ${found.alike.toFixed(2)}, unrelated texts ${found.unlike.toFixed(2)}${sensible ? '' : ': this is no embedding model, or it computes wrongly here'}`],
  ]
}

function verdict({ ok }: Diagnosis, { colors }: Style): string {
  return ok ? `${colors.green('✓')} Tenon works on this machine.` : `${colors.red('✗')} Tenon cannot answer questions here: see above.`
}

const sign = (good: boolean, { colors }: Style): string => (good ? colors.green('✓') : colors.yellow('✗'))
