import type { Diagnosis, ModelDiagnosis } from './diagnosis.js'
import { table } from './table.js'
import type { Channel } from './terminal.js'
import { bytes, duration } from './units.js'

type Style = Pick<Channel, 'colors' | 'width'>

/** A page of tables: the machine, what can compute on it, and whether the model runs. */
export function renderDiagnosis(diagnosis: Diagnosis, style: Style): string[] {
  const { colors, width } = style
  const section = (title: string, rows: readonly (readonly string[])[]) => ['', colors.bold(title), ...table(rows, width)]
  return [
    colors.bold(`Tenon ${diagnosis.tenon}`),
    ...section('Machine', machine(diagnosis)),
    ...section('Devices', devices(diagnosis, style)),
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

function devices({ backends }: Diagnosis, style: Style): string[][] {
  return backends.flatMap(({ name, probe }) => {
    const rows = (probe.devices ?? []).map(({ device, available, reason }) => [name, device, sign(available, style), reason ?? 'available'])
    return rows.length > 0 ? rows : [[name, '', sign(probe.available, style), probe.available ? 'available' : probe.reason]]
  })
}

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
