import { ShapeMismatchError, TypeMismatchError, type Dimension, type NumericType } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../builder.js'
import { MatMulNBits } from './weight-only.js'

interface Operands {
  readonly x?: readonly Dimension[]
  readonly codes?: readonly Dimension[]
  readonly codesOf?: NumericType
  readonly scales?: readonly Dimension[]
  readonly bias?: readonly Dimension[]
  readonly attributes?: object
}

/** [rows, 64] times the transpose of [6, 64] in blocks of 32. */
function product({ x = ['rows', 64], codes = [6, 2, 16], codesOf = 'uint8', scales = [6, 2], bias, attributes = {} }: Operands) {
  const builder = new GraphBuilder('test')
  const input = (name: string, dtype: NumericType, shape: readonly Dimension[]) => builder.input(name, dtype, shape)
  return MatMulNBits(input('x', 'float32', x), input('codes', codesOf, codes), input('scales', 'float32', scales), undefined, undefined, bias && input('bias', 'float32', bias), { K: 64, N: 6, bits: 4, block_size: 32, ...attributes })
}

describe('a product with weights in few bits', () => {
  it.each<[string, Operands]>([
    ['', {}],
    [', whose scales are flat', { scales: [12] }],
    [', with a bias', { bias: [6] }],
    [', the last block of which is padded', { x: ['rows', 60], attributes: { K: 60 } }],
  ])('has a number for each row of them%s', (_, operands) => {
    expect(product(operands)).toMatchObject({ dtype: 'float32', shape: ['rows', 6] })
  })

  it.each<[string, Operands]>([
    ['an input of another size', { x: ['rows', 32] }],
    ['codes of another width', { codes: [6, 2, 32] }],
    ['codes of other rows', { codes: [5, 2, 16] }],
    ['scales of other blocks', { scales: [6, 4] }],
    ['flat scales of other blocks', { scales: [6] }],
    ['a bias of another size', { bias: [64] }],
    ['three bits', { attributes: { bits: 3 } }],
    ['blocks of 8', { attributes: { block_size: 8 } }],
    ['blocks of 48', { attributes: { block_size: 48 } }],
  ])('is refused with %s', (_, operands) => {
    expect(() => product(operands)).toThrow(ShapeMismatchError)
  })

  it('is refused with codes that are no bytes', () => {
    expect(() => product({ codesOf: 'int8' })).toThrow(TypeMismatchError)
  })
})
