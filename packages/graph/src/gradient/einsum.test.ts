import { describe } from 'vitest'
import { Einsum } from '../ops/einsum.js'
import { agreeWithDifferences, numbers, type Differentiable } from './test-finite-differences.js'

const of = (equation: string, ...shapes: (readonly number[])[]): [string, Differentiable] => [
  `${equation} of ${shapes.map((shape) => `[${shape.join()}]`).join(' and ')}`,
  { feeds: Object.fromEntries(shapes.map((shape, index) => [`x${index}`, numbers('float64', shape, index + 1)])), build: (inputs) => Einsum(Object.values(inputs), { equation }) },
]

describe('gradients of Einsum', () => {
  agreeWithDifferences(Object.fromEntries([
    of('ij,jk->ik', [2, 3], [3, 2]),
    of('bhqd,bhkd->bhqk', [2, 2, 2, 3], [2, 2, 4, 3]),
    of('ij->ji', [2, 3]),
    of('ij->i', [2, 3]),
    of('ij->', [2, 3]),
    of('i,j,ik->jk', [2], [3], [2, 2]),
    of('ij,k->i', [2, 3], [2]),
    of('...ij,...jk->...ik', [2, 2, 3], [2, 3, 2]),
    of('...ij,jk', [2, 2, 3], [3, 2]),
    of('...i,...i->...', [2, 1, 3], [2, 2, 3]),
    of('ij,jk->ik', [2, 1], [3, 2]),
  ]))
})
