import type { Attribute } from '@tenon/core'
import type { OpDefinition, ValueType } from '@tenon/graph'
import { standardOps } from '@tenon/graph/ops'
import { computeTypeOf, type ComputeType } from './carrier.js'
import { hostOps } from './host/index.js'
import type { DeviceOp, HostOp } from './op.js'
import { deviceOps } from './ops/index.js'

/** A value as a node sees it: its type, and where it is made. */
export interface Source extends ValueType {
  readonly onHost: boolean
}

/** What runs a node, and where. */
export type Choice = { readonly where: 'device'; readonly op: DeviceOp } | { readonly where: 'host'; readonly op: HostOp }

export interface Question {
  readonly op: string
  readonly inputs: readonly (Source | undefined)[]
  readonly outputs: readonly ValueType[]
  readonly attributes: Readonly<Record<string, Attribute>>
}

/**
 * Floats are computed on the device. Integers and booleans that are in JavaScript already stay there, and so does whatever the
 * device has no type or kernel for.
 */
export function chooseOp({ op, inputs, outputs, attributes }: Question): Choice | undefined {
  const definition = standardOps.get(op)
  if (definition === undefined || [...inputs, ...outputs].some((value) => value?.dtype === 'string')) return undefined
  const types = inputs.map((input) => input && computeTypeOf(input.dtype))
  const made = outputs.map(({ dtype }) => computeTypeOf(dtype))
  const onDevice = deviceOps.get(op)
  const onHost = hostOps.get(op)
  const host = onHost !== undefined && (onHost.types === undefined || types.every((type) => type === undefined || onHost.types!.has(type))) ? onHost : undefined
  if (onDevice === undefined || !fits(onDevice, types, made, attributesOf(definition, attributes), inputs)) return host && { where: 'host', op: host }
  const read = inputs.filter((_, index) => !onDevice.host?.includes(index))
  const stays = host !== undefined && !made.includes('float32') && read.every((input) => input === undefined || input.onHost)
  return stays ? { where: 'host', op: host } : { where: 'device', op: onDevice }
}

function fits({ types, host, accepts }: DeviceOp, inputs: readonly (ComputeType | undefined)[], outputs: readonly ComputeType[], attributes: Record<string, Attribute>, values: readonly (ValueType | undefined)[]): boolean {
  const known = (type: ComputeType | undefined) => type === undefined || types.has(type)
  if (!inputs.every((type, index) => host?.includes(index) || known(type))) return false
  return outputs.every((type) => type === 'bool' || types.has(type)) && (accepts?.(inputs, outputs, attributes as never, values.map((value) => value?.shape.length)) ?? true)
}

/** With the defaults filled in. */
export function attributesOf({ attributes: table }: OpDefinition, given: Readonly<Record<string, Attribute>>): Record<string, Attribute> {
  const defaults = Object.entries(table).flatMap(([name, spec]) => ('default' in spec && spec.default !== undefined ? [[name, spec.default] as const] : []))
  return { ...Object.fromEntries(defaults), ...given }
}
