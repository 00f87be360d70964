import type { Constant } from './constant.js'
import { derivedOf } from './derived-store.js'
import type { Attribute, Graph } from './graph.js'

let count = 0
const numbers = new WeakMap<object, number>()

/** A number for an object that no other object has. */
function numberOf(object: object): string {
  const known = numbers.get(object) ?? count++
  numbers.set(object, known)
  return `#${known}`
}

/**
 * A text that two values share only where they are alike: plain objects and arrays by what they hold, in any order of keys,
 * whatever else is an object by being the same one.
 */
export function keyOf(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'function') return numberOf(value)
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? '-0' : String(value)
  if (Array.isArray(value)) return `[${value.map(keyOf).join()}]`
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return numberOf(value)
  const entries = Object.entries(value).filter(([, each]) => each !== undefined)
  return `{${entries.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, each]) => `${JSON.stringify(name)}:${keyOf(each)}`).join()}}`
}

/** Constants up to this size are compared by what they hold, as literals are made anew by whoever builds a graph. */
const LITERAL_BYTES = 256

const sameConstant = (constant: Constant) =>
  constant.inline !== undefined && constant.byteLength <= LITERAL_BYTES ? `${typeAndShape(constant)}=${constant.inline.join()}` : numberOf(constant)

const typeAndShape = ({ dtype, shape }: Constant) => `${dtype}[${shape.join()}]`

/** A text that two graphs share only where they compute the same: equal nodes over the same weights. One that has a place of its own is not looked at for it. */
export const graphKey = (graph: Graph): string => (derivedOf(graph) === undefined ? describe(graph, sameConstant) : numberOf(graph))

/** A text that two graphs share where they compute alike, over weights of the same types and shapes: what takes as long. */
export const shapeKey = (graph: Graph): string => describe(graph, typeAndShape)

function describe({ name, inputs, outputs, nodes, constants, operators, updates }: Graph, constantKey: (constant: Constant) => string): string {
  const attributeKey = (value: Attribute) => (typeof value === 'object' && 'dtype' in value ? constantKey(value) : keyOf(value))
  return [
    keyOf([name, inputs, outputs]),
    ...nodes.map(({ op, inputs, outputs, attributes }) => [JSON.stringify([op, inputs, outputs]), ...Object.entries(attributes).map(([name, value]) => `${name}=${attributeKey(value as Attribute)}`)].join()),
    ...Array.from(constants, ([name, constant]) => `${keyOf(name)}:${constantKey(constant)}`),
    keyOf([...(operators ?? [])]),
    keyOf([...(updates ?? [])]),
  ].join('\n')
}
