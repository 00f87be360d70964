import { InvalidGraphError, ShapeMismatchError, type Attribute } from '@tenon/core'
import { abridged, volume } from './dimension.js'
import { typeCodes } from './onnx/schema.js'
import type { AttributeSpec, AttributeTable, FilledAttributes, InferContext, OpDefinition, ValueType } from './op.js'

/** What the rules of a definition are told of the node they are asked about. */
export function contextOf({ op }: OpDefinition, inputs: readonly ({ readonly name: string } | undefined)[], outputs: number): InferContext {
  return {
    op,
    outputs,
    // Few rules ask for it.
    get call() {
      return abridged(`${op.split('::').at(-1)!.toLowerCase()}(${inputs.map((input) => input?.name ?? '').join(',')})`)
    },
  }
}

/** Dimensions a value may have, and elements that are followed: graphs of strangers must not make either grow without end. */
export const MOST_DIMENSIONS = 64
const MOST_ELEMENTS = 64

/**
 * Types and shapes of a call's outputs.
 * @throws InvalidGraphError, ShapeMismatchError, TypeMismatchError
 */
export function inferCall(definition: OpDefinition, inputs: readonly ((ValueType & { readonly name: string }) | undefined)[], attributes: Readonly<Record<string, Attribute>>, outputs: number): readonly ValueType[] {
  if (outputs < 1) throw new InvalidGraphError({ graph: definition.op, problem: `a node of ${definition.op} makes nothing` })
  const types = [definition.infer(inputs, filled(definition, attributes), contextOf(definition, inputs, outputs))].flat() as ValueType[]
  return types.map(({ dtype, shape, elements }) => {
    const impossible = shape.find((size) => typeof size === 'number' && !(Number.isSafeInteger(size) && size >= 0))
    if (impossible !== undefined) throw new ShapeMismatchError({ op: definition.op, expected: 'sizes of 0 or more', actual: `${impossible}` })
    if (shape.length > MOST_DIMENSIONS) throw new ShapeMismatchError({ op: definition.op, expected: `at most ${MOST_DIMENSIONS} dimensions`, actual: `${shape.length}` })
    return { dtype, shape, elements: elements !== undefined && elements.length <= MOST_ELEMENTS && elements.length === volume(shape) ? elements : undefined }
  })
}

const defaults = new WeakMap<OpDefinition, Readonly<Record<string, Attribute>>>()

function defaultsOf(definition: OpDefinition): Readonly<Record<string, Attribute>> {
  const known = defaults.get(definition)
  if (known !== undefined) return known
  const made = Object.fromEntries(Object.entries(definition.attributes).flatMap(([name, spec]) => ('default' in spec && spec.default !== undefined ? [[name, spec.default] as const] : [])))
  defaults.set(definition, made)
  return made
}

/** The attributes with the definition's defaults filled in. That they are of its types, `checkCall` has seen to. */
export function filled(definition: OpDefinition, attributes: Readonly<Record<string, Attribute>>): FilledAttributes<AttributeTable> {
  return { ...defaultsOf(definition), ...attributes } as FilledAttributes<AttributeTable>
}

const isType: Record<AttributeSpec['type'], (value: Attribute) => boolean> = {
  int: (value) => Number.isSafeInteger(value),
  float: (value) => typeof value === 'number',
  string: (value) => typeof value === 'string',
  dtype: (value) => typeof value === 'string' && Object.hasOwn(typeCodes, value),
  ints: (value) => Array.isArray(value) && value.every((item) => Number.isSafeInteger(item)),
  floats: (value) => Array.isArray(value) && value.every((item) => typeof item === 'number'),
  tensor: (value) => typeof value === 'object' && 'bytes' in value,
}

/**
 * Whether inputs and attributes are what the definition takes, in number and kind.
 * @throws InvalidGraphError
 */
export function checkCall(graph: string, definition: OpDefinition, inputs: readonly unknown[], attributes: Readonly<Record<string, Attribute>>): void {
  const complain = (problem: string): never => {
    throw new InvalidGraphError({ graph, problem: `${definition.op} ${problem}` })
  }
  const slots = definition.inputs
  const variadic = slots.at(-1)?.startsWith('...') === true
  if (inputs.length > slots.length && !variadic) complain(`takes at most ${slots.length} inputs (${slots.join(', ')}) and has ${inputs.length}`)
  slots.forEach((slot, index) => {
    const optional = slot.endsWith('?') || slot.startsWith('...')
    if (!optional && inputs[index] === undefined) complain(`lacks its input '${slot}'`)
  })
  if (variadic && inputs.length < slots.length) complain('needs at least one input')
  for (const [name, value] of Object.entries(attributes)) {
    const spec = Object.hasOwn(definition.attributes, name) ? definition.attributes[name] : undefined
    if (spec === undefined) complain(`has no attribute '${name}' (known: ${Object.keys(definition.attributes).join(', ') || 'none'})`)
    else if (!isType[spec.type](value)) complain(`takes ${spec.type} as '${name}' and got ${JSON.stringify(value)}`)
  }
  for (const [name, spec] of Object.entries(definition.attributes)) {
    if (spec.required && attributes[name] === undefined) complain(`lacks its attribute '${name}'`)
  }
}
