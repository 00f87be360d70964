import type { AttributeTable, Differentiated, FilledAttributes, GradientRule, OpDefinition, Slots, Value } from '../op.js'

/** An operator's name and its rule. */
export type NamedRule = readonly [op: string, rule: GradientRule]

interface OfFirst {
  /** The node's first output. */
  readonly y: Value
  /** Its gradient. Where an operator has several outputs and any may lack one, rules read `gradients` instead. */
  readonly d: Value
}

/** The rule of an operator, its inputs and attributes typed as the definition has them. */
export function rule<S extends readonly string[], T extends AttributeTable>(
  definition: Pick<OpDefinition<string, S, T>, 'op' | 'inputs' | 'attributes'>,
  back: (node: Differentiated<Slots<S, Value>, FilledAttributes<T>> & OfFirst) => ReturnType<GradientRule>,
): NamedRule {
  return [definition.op, (node) => back({ ...node, y: node.outputs[0]!, d: node.gradients[0]! } as never)]
}

/** Of what is constant between its steps: the walk ends here, and nothing is missing. */
export const flat = ({ op }: Pick<OpDefinition, 'op'>): NamedRule => [op, () => []]

/** What several inputs' gradients share, emitted when the first of them asks. */
export function once<V>(make: () => V): () => V {
  let made: { readonly value: V } | undefined
  return () => (made ??= { value: make() }).value
}
