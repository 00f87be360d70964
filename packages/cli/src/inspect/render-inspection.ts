import type { ValueInfo } from '@tenon/core'
import { table } from '../table.js'
import type { Channel } from '../terminal.js'
import { padStart } from '../text-width.js'
import { bytes, count, counted } from '../units.js'
import type { Inspection } from './inspection.js'

type Style = Pick<Channel, 'colors' | 'width'>

/** Files that are listed; the others are counted. */
const FILES = 12

/** A page of tables: what it is, what it is stored in, what it computes, and what that takes. */
export function renderInspection(inspection: Inspection, style: Style): string[] {
  const { colors, width } = style
  const section = (title: string, rows: readonly (readonly string[])[]) => (rows.length === 0 ? [] : ['', colors.bold(title), ...table(rows, width)])
  return [
    colors.bold(inspection.model),
    ...section('Model', model(inspection, style)),
    ...section('Weights', weights(inspection)),
    ...section('Files', files(inspection)),
    ...section('Graph', graph(inspection)),
    ...section('Memory', memory(inspection)),
    ...section('Backends', backends(inspection, style)),
    ...section('Problem', problem(inspection, style)),
  ]
}

function model({ family, architecture, head, heads, parameters }: Inspection, { colors }: Style): string[][] {
  const listed = heads.map(({ head: each, available }) => (available ? each : colors.dim(`${each} (no weights)`)))
  return [
    ...(family === null ? [] : [['Family', architecture === null ? family : `${family}, ${architecture}`]]),
    ...(head === null ? [] : [['Head', head]]),
    ...(listed.length === 0 ? [] : [['Heads', listed.join(', ')]]),
    ['Parameters', count(parameters)],
  ]
}

/** Columns of numbers end where they end. */
function aligned(rows: readonly (readonly string[])[]): string[][] {
  const columns = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from({ length: columns }, (_, column) => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) => row.map((cell, column) => (column === 0 ? cell : padStart(cell, widths[column]!))))
}

const weights = ({ weights: types }: Inspection): string[][] => {
  const rows = aligned(types.map(({ dtype, tensors, parameters, bytes: size }) => [dtype, counted(tensors, 'tensor'), count(parameters), bytes(size)]))
  return rows.map((row, index) => (types[index]!.as === undefined ? row : [...row, RUN_AS[types[index]!.as]]))
}

const RUN_AS = { exact: 'run in blocks, exactly', requantised: 'run in blocks, rounded anew to 8 bits', float: 'run as floats' } as const

function files({ files: all }: Inspection): string[][] {
  const largest = [...all].sort((a, b) => (b.bytes ?? 0) - (a.bytes ?? 0))
  const rows = largest.slice(0, FILES).map(({ file, bytes: size }) => [file, size === null ? 'not fetched' : bytes(size)])
  return [...aligned(rows), ...(all.length > FILES ? [[`and ${counted(all.length - FILES, 'smaller file')}`, '']] : [])]
}

function graph({ graph: summary }: Inspection): string[][] {
  if (summary === null) return []
  const { nodes, ops, inputs, outputs } = summary
  const value = ({ name, dtype, shape }: ValueInfo) => `${name}: ${dtype} [${shape.join(', ')}]`
  return [
    ...inputs.map((input, index) => [index === 0 ? 'Inputs' : '', value(input)]),
    ...outputs.map((output, index) => [index === 0 ? 'Outputs' : '', value(output)]),
    ['Nodes', `${count(nodes)}: ${listOf(ops)}`],
  ]
}

const listOf = (ops: Readonly<Record<string, number>>) => Object.entries(ops).map(([op, times]) => `${op} ${count(times)}`).join(', ')

function memory({ memory: estimate }: Inspection): string[][] {
  if (estimate === null) return []
  return [['Weights', bytes(estimate.weights)], ...estimate.activations.map(({ batch, tokens, bytes: size }) => [`${batch} × ${tokens} tokens`, `about ${bytes(size)} more`])]
}

function backends({ backends: all }: Inspection, { colors }: Style): string[][] {
  return all.map(({ backend, native, lowered, missing }) => {
    if (missing !== undefined) return [backend, colors.yellow('✗'), `cannot run ${missing}`]
    const others = Object.keys(lowered).length === 0 ? '' : `; in simpler operators: ${listOf(lowered)}`
    return [backend, colors.green('✓'), `${counted(native, 'node')} as they are${others}`]
  })
}

function problem({ problem: found }: Inspection, { colors }: Style): string[][] {
  return found === null ? [] : [[colors.yellow(found.code), found.message], ['', found.remedy]]
}
