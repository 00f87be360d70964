import { byteLength, inlineConstant, viewAs, type Constant, type Pass } from '@tenon/core'
import { filled, inferCall } from '../call.js'
import type { HostArray, ValueType } from '../op.js'
import { rewrite, type Visit } from '../rewrite.js'

/** Folding must not swell a graph: larger results stay computed at run time. In bytes. */
const LARGEST = 64 * 1024

/**
 * Computes what can be known ahead: nodes whose inputs are constants at hand, and sizes that shape inference
 * found to be plain numbers. Weights in files are left where they lie.
 */
export function foldConstants(): Pass {
  return {
    name: 'fold constants',
    apply: (graph) =>
      rewrite(graph, (visit) => {
        if (visit.node.outputs.length !== 1) return undefined
        const type = typeOf(visit)
        const folded = knownSize(type) ?? evaluated(visit, type)
        return folded && visit.builder.constant(folded)
      }),
  }
}

function typeOf({ node, definition, inputs }: Visit): ValueType {
  return inferCall(definition, inputs, node.attributes, 1)[0]!
}

/** Sizes computed from shapes, where those are numbers. */
function knownSize({ dtype, shape, elements }: ValueType): Constant | undefined {
  if (dtype !== 'int64' || elements === undefined || !elements.every(Number.isSafeInteger)) return undefined
  return inlineConstant('int64', shape as readonly number[], BigInt64Array.from(elements as readonly number[], BigInt))
}

function evaluated({ node, definition, inputs, builder }: Visit, { dtype, shape }: ValueType): Constant | undefined {
  if (definition.evaluate === undefined || inputs.length === 0 || dtype === 'string') return undefined
  if (shape.some((size) => typeof size !== 'number') || byteLength(dtype, shape as readonly number[]) > LARGEST) return undefined
  const arrays: (HostArray | undefined)[] = []
  for (const input of inputs) {
    const constant = input && builder.constantOf(input)
    if (input !== undefined && (constant?.inline === undefined || constant.byteLength > LARGEST)) return undefined
    arrays.push(constant && { dtype: constant.dtype, shape: constant.shape, values: viewAs(constant.dtype, constant.inline!) })
  }
  const result = definition.evaluate(arrays, filled(definition, node.attributes))
  return result && inlineConstant(result.dtype, result.shape, result.values)
}
