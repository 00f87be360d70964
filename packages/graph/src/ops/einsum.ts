import { ShapeMismatchError, type Dimension } from '@tenon/core'
import { integers } from '../literals.js'
import { defineOp, type Value } from '../op.js'
import { broadcast, sameType } from '../shapes.js'
import { Mul } from './elementwise.js'
import { Transpose, Unsqueeze } from './movement.js'
import { ReduceSum } from './reduction.js'

interface Equation {
  /** A label for each dimension of each input; those under an ellipsis are `'.0'`, `'.1'`, …, from the last one. */
  readonly inputs: readonly (readonly string[])[]
  readonly output: readonly string[]
}

/** @throws ShapeMismatchError where the equation does not fit the inputs. */
function parsed(text: string, ranks: readonly number[]): Equation {
  const fail = (): never => {
    throw new ShapeMismatchError({ op: 'Einsum', expected: `inputs that fit '${text.slice(0, 80)}'`, actual: `${ranks.length} of ${ranks.join(', ')} dimensions` })
  }
  const [left = '', right, ...more] = text.replaceAll(' ', '').split('->')
  const terms = left.split(',')
  if (more.length > 0 || terms.length !== ranks.length) return fail()
  const inputs = terms.map((term, index) => labels(term, ranks[index]!) ?? fail())
  const all = inputs.flat()
  const covered = [...new Set(all.filter((label) => label.startsWith('.')))].toSorted((a, b) => Number(b.slice(1)) - Number(a.slice(1)))
  // Without an arrow, labels that occur once are kept, in the order of the alphabet.
  const once = [...new Set(all)].filter((label) => !label.startsWith('.') && all.indexOf(label) === all.lastIndexOf(label)).toSorted()
  const output = right === undefined ? [...covered, ...once] : labels(right, right.replace('...', '').length + (right.includes('...') ? covered.length : 0)) ?? fail()
  return output.every((label, index) => all.includes(label) && output.indexOf(label) === index) ? { inputs, output } : fail()
}

function labels(term: string, rank: number): string[] | undefined {
  const [before = '', after, ...more] = term.split('...')
  const letters = [...before, ...(after ?? '')]
  const under = rank - letters.length
  if (more.length > 0 || letters.some((letter) => !/[A-Za-z]/.test(letter)) || under < 0 || (after === undefined && under > 0)) return undefined
  return [...before, ...Array.from({ length: under }, (_, index) => `.${under - 1 - index}`), ...(after ?? '')]
}

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
    if (terms.some((term) => new Set(term).size < term.length)) throw new ShapeMismatchError({ op: 'Einsum', expected: 'each label once in a term, where it is decomposed', actual: equation! })
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
