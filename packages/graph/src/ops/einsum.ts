import type { Dimension } from '@tenon/core'
import { integers } from '../literals.js'
import { defineOp, type Value } from '../op.js'
import { broadcast, sameType } from '../shapes.js'
import { parsed } from './einsum-equation.js'
import { Mul } from './elementwise.js'
import { Transpose, Unsqueeze } from './movement.js'
import { ReduceSum } from './reduction.js'

/** Sums of products along named dimensions: `'bhqd,bhkd->bhqk'`. */
export const Einsum = defineOp('Einsum', {
  since: 12,
  inputs: ['...Inputs'],
  outputs: ['Output'],
  attributes: { equation: { type: 'string', required: true } },
  infer: (inputs, { equation }) => {
    sameType('Einsum', ...inputs)
    const { inputs: terms, output } = parsed(equation!, inputs.map(({ shape }) => shape.length))
    const sizes = new Map<string, Dimension>()
    for (const [index, term] of terms.entries()) {
      for (const [axis, label] of term.entries()) sizes.set(label, broadcast('Einsum', [sizes.get(label) ?? 1], [inputs[index]!.shape[axis]!])[0]!)
    }
    return { dtype: inputs[0]!.dtype, shape: output.map((label) => sizes.get(label)!) }
  },
  decompose: (inputs, { equation }) => {
    const { inputs: terms, output } = parsed(equation!, inputs.map(({ shape }) => shape.length))
    if (terms.some((term) => new Set(term).size < term.length)) return undefined // a diagonal
    const summed = [...new Set(terms.flat())].filter((label) => !output.includes(label))
    const order = [...output, ...summed]
    const product = inputs.map((input, index) => aligned(input, terms[index]!, order)).reduce((a, b) => Mul(a, b))
    return summed.length === 0 ? product : ReduceSum(product, integers(product, summed.map((_, index) => output.length + index)), { keepdims: 0 })
  },
})

/** With the dimensions in the order of the labels, and 1 for those it does not have. */
function aligned(x: Value, term: readonly string[], order: readonly string[]): Value {
  const own = order.filter((label) => term.includes(label))
  const perm = own.map((label) => term.indexOf(label))
  const turned = perm.every((axis, index) => axis === index) ? x : Transpose(x, { perm })
  const missing = order.flatMap((label, index) => (own.includes(label) ? [] : [index]))
  return missing.length === 0 ? turned : Unsqueeze(turned, integers(x, missing))
}
