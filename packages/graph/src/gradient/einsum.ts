import { ShapeMismatchError } from '@tenon/core'
import { integers } from '../literals.js'
import { Einsum } from '../ops/einsum.js'
import { parsed } from '../ops/einsum-equation.js'
import { Expand, Unsqueeze } from '../ops/movement.js'
import { rule, type NamedRule } from './rule.js'
import { sameShape, shapeOf } from './sizes.js'
import { unbroadcast } from './unbroadcast.js'

const alphabet = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'

export const einsum: readonly NamedRule[] = [
  // The gradient of a factor is the product of the others and the output's, summed over what it does not have.
  rule(Einsum, ({ inputs, attributes: { equation }, d }) => {
    const { inputs: terms, output } = parsed(equation!, inputs.map(({ shape }) => shape.length))
    if (terms.some((term) => new Set(term).size < term.length)) throw new ShapeMismatchError({ op: 'the gradient of Einsum', expected: 'each label once in a term', actual: equation! })
    const labels = [...new Set(terms.flat())]
    const spelled = (term: readonly string[]) => term.map((label) => alphabet[labels.indexOf(label)]).join('')
    return inputs.map((x, index) => () => {
      const own = terms[index]!
      const factors = [{ value: d, term: output }, ...inputs.flatMap((value, other) => (other === index ? [] : [{ value, term: terms[other]! }]))]
      const shared = own.filter((label) => factors.some(({ term }) => term.includes(label)))
      const product = Einsum(factors.map(({ value }) => value), { equation: `${factors.map(({ term }) => spelled(term)).join()}->${spelled(shared)}` })
      // It is the same along a dimension that was only summed over.
      const alone = own.flatMap((label, axis) => (shared.includes(label) ? [] : [axis]))
      const placed = alone.length === 0 ? product : Unsqueeze(product, integers(product, alone))
      return unbroadcast(sameShape(placed, x) ? placed : Expand(placed, shapeOf(x)), x)
    })
  }),
]
