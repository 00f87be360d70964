import type { Pass } from '@tenon/core'
import type { GraphBuilder } from '../builder.js'
import type { Value } from '../op.js'
import { GroupQueryAttention, Reshape, Split } from '../ops/index.js'
import { rewrite } from '../rewrite.js'

/**
 * Queries, keys and values that are parts of one product go to the attention as they are, unsplit: what `mergeProducts` and then
 * `unflatten` leave. A token at a time, what each node costs is noticed.
 */
export function packProjections(): Pass {
  return {
    name: 'pack projections',
    apply: (graph) =>
      rewrite(graph, ({ node, inputs: [query, key, value, ...others], builder }) => {
        const packed = node.op === GroupQueryAttention.op ? whole(builder, [query, key, value]) : undefined
        return packed && builder.emitNamed(GroupQueryAttention, [packed, undefined, undefined, ...others], node.attributes, node.outputs)
      }),
  }
}

/** What values are split from along their last axis, if they are all of it in their order. */
function whole(builder: GraphBuilder, parts: readonly (Value | undefined)[]): Value | undefined {
  const split = parts[0] && builder.producerOf(parts[0])
  if (split?.op !== Split.op || split.attributes['axis'] !== -1 || split.outputs.length !== parts.length) return undefined
  const [packed] = split.inputs
  // Of a packed input whose shape is computed, ONNX Runtime 1.30 infers a wrong one for the output, and refuses the model.
  if (packed === undefined || builder.producerOf(packed)?.op === Reshape.op) return undefined
  return split.outputs.every((output, index) => output === parts[index]) ? packed : undefined
}
