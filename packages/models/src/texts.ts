import { integers, scalar, type GraphBuilder, type Value } from '@tenon/graph'
import { Concat, Range, Reshape, Shape, Squeeze } from '@tenon/graph/ops'

/** What an encoder reads, int64. */
export interface Texts {
  readonly ids: Value // [batch, sequence]
  readonly mask: Value // [batch, sequence], 0 where a token is padding
}

/** Texts of two segments, such as a question and a context. */
export interface Pairs extends Texts {
  readonly segments: Value // [batch, sequence]
}

const TEXT = ['batch', 'sequence']

/** The inputs of a multiple choice: every choice is a text of its own. */
export const CHOICES = ['batch', 'choices', 'sequence']

export const texts = (builder: GraphBuilder, shape: readonly string[] = TEXT): Texts => ({
  ids: builder.input('input_ids', 'int64', shape),
  mask: builder.input('attention_mask', 'int64', shape),
})

export const pairs = (builder: GraphBuilder, shape: readonly string[] = TEXT): Pairs => ({
  ...texts(builder, shape),
  segments: builder.input('token_type_ids', 'int64', shape),
})

/** [batch, choices, sequence] → [batch * choices, sequence] */
export function eachChoice<T extends Texts>(given: T): T {
  const flat = (x: Value) => Reshape(x, Concat([integers(x, [-1]), Shape(x, { start: 2, end: 3 })], { axis: 0 }))
  return Object.fromEntries(Object.entries(given).map(([name, x]: [string, Value]) => [name, flat(x)])) as unknown as T
}

/** 0, 1, 2, … for the tokens of a row, padding included: [sequence]. ids: [batch, sequence] */
export function tokenPositions(ids: Value): Value {
  const length = Squeeze(Shape(ids, { start: 1, end: 2 }), integers(ids, [0]))
  return Range(scalar(length, 0), length, scalar(length, 1))
}
