import type { Dimension, Pass } from '@tenon/core'
import type { GraphBuilder } from '../builder.js'
import { filled } from '../call.js'
import { integers } from '../literals.js'
import type { Value, ValueType } from '../op.js'
import { Abs, Add, Div, Gelu, LayerNormalization, MatMulIntegerToFloat, MatMulNBits, Max, Mul, QuantizeLinear, QuickGelu, ReduceMax, Reshape, SimplifiedLayerNormalization, SkipSimplifiedLayerNormalization, Split } from '../ops/index.js'
import { rewrite, type Visit } from '../rewrite.js'

/**
 * Operators that make of each row what it is by itself, whatever stands in front of it; how many of their first inputs have rows, or are
 * the same for each.
 */
const byRow: Readonly<Record<string, number>> = {
  [Abs.op]: 1,
  [Add.op]: 2,
  [Div.op]: 2,
  [Gelu.op]: 1,
  [LayerNormalization.op]: 1,
  [MatMulIntegerToFloat.op]: 1,
  [MatMulNBits.op]: 1,
  [Max.op]: Infinity,
  [Mul.op]: 2,
  [QuantizeLinear.op]: 1,
  [QuickGelu.op]: 1,
  [ReduceMax.op]: 1,
  [SimplifiedLayerNormalization.op]: 1,
  [SkipSimplifiedLayerNormalization.op]: 2,
  [Split.op]: 1,
}

/** Whether what works along an axis does so within each row. */
function isWithinRows({ node, definition, inputs }: Visit): boolean {
  const attributes = filled(definition, node.attributes)
  if (node.op === QuantizeLinear.op) return inputs[1]!.shape.length === 0 // one scale for all, along no axis
  if (node.op === ReduceMax.op) return attributes['keepdims'] !== 0 && inputs[1]?.elements?.join() === '-1'
  return (attributes['axis'] ?? -1) === -1
}

/**
 * Texts that are laid end to end as rows, [batch * sequence, columns], and taken apart again, stay [batch, sequence, columns] where what
 * lies between works by rows. Nothing is moved either way; a token at a time, what each node costs is noticed.
 */
export function unflatten(): Pass {
  return {
    name: 'unflatten',
    apply(graph) {
      /** Of rows that were made from texts here. */
      const texts = new Map<Value, Value>()
      const textOf = (builder: GraphBuilder, value: Value | undefined) => value && (texts.get(value) ?? flattened(builder, value))

      /** What the node makes, of texts; as rows again, which nothing reads where all that follows takes texts. */
      function byTexts(visit: Visit, count: number): readonly Value[] | undefined {
        const { definition, inputs, node, types, builder } = visit
        const whole = inputs.slice(0, count).map((input) => (input !== undefined && input.shape.length < 2 ? input : textOf(builder, input)))
        const first = whole.find((text) => text !== undefined && text.shape.length > 2)
        if (first === undefined || !whole.every((text) => text !== undefined && (text.shape.length < 2 || sameTexts(text, first))) || !isWithinRows(visit)) return undefined
        if (first.shape.length > 3 && node.op === SkipSimplifiedLayerNormalization.op) return undefined // which takes no more dimensions
        const given = [...whole, ...inputs.slice(count)]
        const names = node.outputs.map((name) => (name === '' ? '' : undefined))
        const known = types.map((type, index) => (node.outputs[index] === '' ? first.type : type && textsOf(type, first)))
        const made = known.every((type) => type !== undefined) ? builder.repeat(definition, given, node.attributes, names, known) : builder.emitNamed(definition, given, node.attributes, names)
        if (made.some((text, index) => node.outputs[index] !== '' && !areSizes(text.shape.slice(2)))) return undefined
        return made.map((text, index) => {
          if (node.outputs[index] === '') return text
          const rows = asRows(builder, text, types[index])
          texts.set(rows, text)
          return rows
        })
      }

      return rewrite(graph, (visit) => {
        const { node, definition, inputs, builder } = visit
        if (Object.hasOwn(byRow, node.op)) return byTexts(visit, byRow[node.op]!)
        const text = node.op === Reshape.op ? textOf(builder, inputs[0]) : undefined
        if (text === undefined) return undefined
        const [made] = builder.emitNamed(definition, inputs, node.attributes, node.outputs) as [Value]
        if (made.shape.join() === text.shape.join()) return text
        // Rows whose columns are divided, as heads are, or joined again.
        const [rows, ...columns] = inputs[1]?.elements ?? []
        if (rows === 0 && (node.attributes['allowzero'] ?? 0) === 0 && areSizes(columns)) texts.set(made, Reshape(text, integers(text, [0, 0, ...columns])))
        return made
      })
    },
  }
}

const areSizes = (sizes: readonly Dimension[]): sizes is readonly number[] => sizes.length > 0 && sizes.every((size) => typeof size === 'number' && size > 0)

const sameTexts = (one: Value, other: Value): boolean => one.shape.length === other.shape.length && one.shape.slice(0, 2).join() === other.shape.slice(0, 2).join()

/** The type of texts, like these, whose rows have a type. */
function textsOf({ dtype, shape: [, ...columns] }: ValueType, { shape: [batch, sequence] }: Value): ValueType | undefined {
  return areSizes(columns) ? { dtype, shape: [batch!, sequence!, ...columns] } : undefined
}

/** @param type What the rows were, if that is known: each node has some, and most are read by nobody. */
function asRows(builder: GraphBuilder, text: Value, type: ValueType | undefined): Value {
  const shape = () => integers(text, [-1, ...(text.shape.slice(2) as number[])])
  return type === undefined ? Reshape(text, shape()) : builder.later(type, () => builder.repeat(Reshape, [text, shape()], {}, [undefined], [type])[0]!)
}

/** The texts that a value has as its rows. */
function flattened(builder: GraphBuilder, value: Value): Value | undefined {
  const producer = builder.producerOf(value)
  const text = producer?.op === Reshape.op ? producer.inputs[0] : undefined
  return text?.shape.length === 3 && value.shape.length === 2 && text.shape[2] === value.shape[1] ? text : undefined
}
