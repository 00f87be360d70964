import type { GradientRule, OpDefinition } from '../op.js'
import { convolution } from './convolution.js'
import { einsum } from './einsum.js'
import { elementwise } from './elementwise.js'
import { indexing } from './indexing.js'
import { linalg } from './linalg.js'
import { movement } from './movement.js'
import { normalization } from './normalization.js'
import { quantization } from './quantization.js'
import { reduction } from './reduction.js'

const rules: ReadonlyMap<string, GradientRule> = new Map([convolution, einsum, elementwise, indexing, linalg, movement, normalization, quantization, reduction].flat())

/** How an operator is differentiated: as its own record says, or as the rules here do. */
export function ruleOf(definition: OpDefinition): GradientRule | undefined {
  return (definition.gradient as GradientRule | undefined) ?? rules.get(definition.op)
}
