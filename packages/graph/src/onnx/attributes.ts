import { inlineConstant, type Attribute, type Constant } from '@tenon/core'
import type { AttributeSpec, OpDefinition } from '../op.js'
import type { Complain, ForeignAttribute, ForeignNode, TensorRecord } from './foreign.js'
import { attributeCodes, typeNames } from './schema.js'

/** Makes a constant of a tensor that a model file holds. */
export type Embed = (tensor: TensorRecord, atHand?: boolean) => Constant

/** A node's attributes as its operator's record types them. */
export function typedAttributes({ op, attributes }: ForeignNode, definition: OpDefinition, embed: Embed, problem: Complain): Record<string, Attribute> {
  return Object.fromEntries(
    [...attributes].map(([name, attribute]): [string, Attribute] => {
      const spec = Object.hasOwn(definition.attributes, name) ? definition.attributes[name] : undefined
      if (spec === undefined) return problem(`has the attribute '${name}', which ${op} does not have`)
      if (attribute.type !== 0 && attribute.type !== attributeCodes[spec.type]) return problem(`has an attribute '${name}' that is no ${spec.type}`)
      return [name, valueOf(name, attribute, spec, embed, problem)]
    }),
  )
}

function valueOf(name: string, { ints, floats, text, tensor }: ForeignAttribute, { type }: AttributeSpec, embed: Embed, problem: Complain): Attribute {
  const safe = (value: number | bigint): number => (typeof value === 'number' ? value : problem(`has the integer ${value} as attribute '${name}', which is out of range`))
  const lacking = () => problem(`has an attribute '${name}' without a value, or with one that is not read`)
  const values: Record<AttributeSpec['type'], () => Attribute> = {
    int: () => safe(ints[0] ?? 0),
    dtype: () => typeNames.get(safe(ints[0] ?? 0)) ?? lacking(),
    float: () => floats[0] ?? 0,
    string: () => text,
    ints: () => ints.map(safe),
    floats: () => floats,
    tensor: () => (tensor === undefined ? lacking() : embed(tensor, true)),
  }
  return values[type]()
}

/** What a Constant node holds, in whichever of its attributes. */
export function constantOf({ attributes }: ForeignNode, embed: Embed, problem: Complain): Constant {
  const forms: Record<string, (attribute: ForeignAttribute) => Constant> = {
    value: ({ tensor }) => (tensor === undefined ? problem('holds no value') : embed(tensor)),
    value_int: ({ ints }) => inlineConstant('int64', [], BigInt64Array.of(BigInt(ints[0] ?? 0))),
    value_ints: ({ ints }) => inlineConstant('int64', [ints.length], BigInt64Array.from(ints, BigInt)),
    value_float: ({ floats }) => inlineConstant('float32', [], Float32Array.of(floats[0] ?? 0)),
    value_floats: ({ floats }) => inlineConstant('float32', [floats.length], Float32Array.from(floats)),
  }
  const [[form, attribute] = ['nothing', undefined], ...others] = attributes
  if (others.length > 0) return problem(`holds ${attributes.size} values`)
  if (attribute === undefined || !Object.hasOwn(forms, form)) return problem(`holds ${form}, which is not read`, 'Export the model with dense numbers as constants')
  return forms[form]!(attribute)
}
