import { InvalidGraphError, ShapeMismatchError, type Dimension } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../builder.js'
import { integers } from '../literals.js'
import type { OpDefinition, Value } from '../op.js'
import { input } from '../test-support.js'
import { Concat, ConstantOfShape, Expand, Flatten, Gather, GatherElements, Identity, Mul, Range, Reshape, Shape, Slice, Split, Squeeze, Sub, Tile, Transpose, Unsqueeze } from './index.js'

const x = (...shape: Dimension[]) => input('float32', shape)
const ints = (near: Value, ...values: number[]) => integers(near, values)
/** A vector whose elements only a run can tell. */
const secret = (near: Value, length: Dimension) => input('int64', [length], near.builder as GraphBuilder)
const one = (near: Value, value: number) => Squeeze(ints(near, value), ints(near, 0))

describe('Reshape', () => {
  it.each<[readonly Dimension[], readonly number[], readonly Dimension[]]>([
    [['batch', 'sequence', 8], [-1, 8], ['batch*sequence', 8]],
    [['batch', 'sequence', 8], [0, 0, 2, 4], ['batch', 'sequence', 2, 4]],
    [['batch', 'sequence', 8], [0, -1], ['batch', '8*sequence']],
    [['batch', 6], [-1, 4], ['floor((6*batch)/(4))', 4]],
    [[2, 3], [-1], [6]],
    [[1, 1], [], []],
  ])('of %j to %j makes %j', (from, to, expected) => {
    const data = x(...from)
    expect(Reshape(data, ints(data, ...to)).shape).toEqual(expected)
  })

  it('follows sizes through their computation', () => {
    const data = x('batch', 'sequence', 8)
    const rows = Reshape(data, ints(data, -1, 8))
    const back = Concat([Shape(data, { end: 2 }), ints(data, 8)], { axis: 0 })
    expect(Reshape(rows, back).shape).toEqual(['batch', 'sequence', 8])
  })

  it.each<[readonly Dimension[], readonly number[]]>([
    [[2, 3], [4]],
    [[2, 3], [-1, 4]],
    [['batch', 3], [-1, -1]],
    [['batch', 3], [-2, 3]],
    [[2, 3], [2, 3, 0]],
    [[0, 3], [0, -1]],
  ])('of %j to %j is refused', (from, to) => {
    const data = x(...from)
    expect(() => Reshape(data, ints(data, ...to))).toThrow(ShapeMismatchError)
  })

  it('takes a zero as it is where asked to', () => {
    const data = x(0, 3)
    expect(Reshape(data, ints(data, 3, 0), { allowzero: 1 }).shape).toEqual([3, 0])
  })
})

describe('sizes that only a run can tell', () => {
  it('have the rank that is known', () => {
    const data = x('batch', 3)
    expect(Reshape(data, secret(data, 3)).shape).toHaveLength(3)
    expect(Expand(data, secret(data, 1)).shape).toHaveLength(2)
    expect(Expand(data, secret(data, 4)).shape).toHaveLength(4)
    expect(ConstantOfShape(secret(data, 2)).shape).toHaveLength(2)
    expect(Tile(data, secret(data, 2)).shape).toHaveLength(2)
  })

  it('are refused where not even the rank is known', () => {
    const data = x('batch', 3)
    for (const op of [Reshape, Expand]) expect(() => op(data, secret(data, 'n'))).toThrow(ShapeMismatchError)
    expect(() => ConstantOfShape(secret(data, 'n'))).toThrow(ShapeMismatchError)
    expect(() => Squeeze(data, secret(data, 1))).toThrow(ShapeMismatchError)
    expect(() => Unsqueeze(data, secret(data, 1))).toThrow(ShapeMismatchError)
  })

  it('are equal for equal calls and for no others', () => {
    const data = x('batch', 9)
    const [from, end, other] = [ints(data, 0), secret(data, 1), secret(data, 1)]
    const axis = ints(data, 1)
    expect(Slice(data, from, end, axis).shape).toEqual(Slice(data, from, end, axis).shape)
    expect(Slice(data, from, end, axis).shape).not.toEqual(Slice(data, from, other, axis).shape)
    const difference = Sub(Shape(Slice(data, from, end, axis)), Shape(Slice(data, from, other, axis)))
    expect(difference.elements![0]).toBe(0)
    expect(difference.elements![1]).not.toBe(0)
    const ranges = [end, other].map((limit) => Range(one(data, 0), Squeeze(limit, ints(data, 0)), one(data, 1)))
    expect(ranges[0]!.shape).not.toEqual(ranges[1]!.shape)
  })
})

describe('Slice', () => {
  const cut = (data: Value, start: number, end: number, axis: number, step = 1) => Slice(data, ints(data, start), ints(data, end), ints(data, axis), ints(data, step))

  it.each<[number, number, number, Dimension]>([
    [0, 1, 1, 1],
    [-1, 2 ** 62, 1, 1],
    [1, 2 ** 62, 1, 'sequence-1'],
    [0, -1, 1, 'sequence-1'],
    [0, 2 ** 62, 1, 'sequence'],
    [3, 1, 1, 0],
  ])('from %d to %d by %d of a symbolic size takes %j', (start, end, step, expected) => {
    expect(cut(x('batch', 'sequence', 8), start, end, 1, step).shape).toEqual(['batch', expected, 8])
  })

  it('takes as much as a symbol says', () => {
    const table = x(512, 8)
    const ids = input('int64', ['batch', 'sequence'], table.builder as GraphBuilder)
    expect(Slice(table, ints(table, 0), Shape(ids, { start: 1 }), ints(table, 0)).shape).toEqual(['sequence', 8])
  })

  it('does not guess what steps make of a symbolic size', () => {
    const data = x('sequence')
    expect(cut(data, 0, 9, 0, 2).shape).toEqual([expect.stringContaining('slice(')])
    expect(cut(data, -1, -9, 0, -1).shape).toEqual([expect.stringContaining('slice(')])
  })

  it('follows the elements of a vector, not of a matrix', () => {
    const data = x('batch', 'sequence', 8)
    const shape = Shape(data)
    expect(cut(shape, 1, 3, 0).elements).toEqual(['sequence', 8])
    expect(cut(shape, 2, -9, 0, -1).elements).toEqual([8, 'sequence', 'batch'])
    const matrix = Unsqueeze(shape, ints(data, 1))
    expect(cut(matrix, 1, 3, 0)).toMatchObject({ shape: [2, 1], elements: undefined })
  })

  it('refuses a step of 0, an axis twice, an axis that is not there and lists of different lengths', () => {
    const data = x(4, 4)
    expect(() => cut(data, 0, 1, 0, 0)).toThrow(ShapeMismatchError)
    expect(() => cut(data, 0, 1, 2)).toThrow(ShapeMismatchError)
    expect(() => Slice(data, ints(data, 0, 0), ints(data, 1, 1), ints(data, 0, -2))).toThrow(ShapeMismatchError)
    expect(() => Slice(data, ints(data, 0, 0), ints(data, 1))).toThrow(ShapeMismatchError)
    expect(() => Slice(data, ints(data, 0, 0, 0), ints(data, 1, 1, 1))).toThrow(ShapeMismatchError)
  })
})

describe('Split', () => {
  const split = (data: Value, outputs: number, attributes: object, sizes?: Value) =>
    data.builder.emit(Split as unknown as OpDefinition, [data, sizes], { ...attributes }, outputs).map(({ shape }) => shape)

  it('makes the last part smaller where it does not come out even', () => {
    expect(split(x('batch', 7), 3, { axis: 1, num_outputs: 3 })).toEqual([['batch', 3], ['batch', 3], ['batch', 1]])
    expect(split(x('3*batch'), 3, { num_outputs: 3 })).toEqual([['batch'], ['batch'], ['batch']])
    const [first, second] = split(x('batch'), 2, { num_outputs: 2 })
    expect([first, second]).toEqual([['floor((batch+1)/(2))'], ['batch-floor((batch+1)/(2))']])
  })

  it('takes the sizes it is given', () => {
    const data = x(6)
    expect(split(data, 2, {}, ints(data, 1, 5))).toEqual([[1], [5]])
    const [first, second] = split(data, 2, {}, secret(data, 2))
    expect(first).not.toEqual(second)
  })

  it('refuses sizes that do not add up, another number of them, and neither sizes nor a number', () => {
    const data = x(6)
    expect(() => split(data, 2, {}, ints(data, 1, 4))).toThrow(ShapeMismatchError)
    expect(() => split(data, 2, {}, ints(data, 1, 2, 3))).toThrow(ShapeMismatchError)
    expect(() => split(data, 2, { num_outputs: 3 })).toThrow(ShapeMismatchError)
    expect(() => split(data, 2, {})).toThrow(ShapeMismatchError)
    expect(() => split(x(1), 4, { num_outputs: 4 })).toThrow(ShapeMismatchError)
  })
})

describe('Range', () => {
  it('counts symbols', () => {
    const data = x('batch', 'sequence')
    const length = Squeeze(Shape(data, { start: 1 }), ints(data, 0))
    const range = (start: number, step: number) => Range(one(data, start), length, one(data, step)).shape[0]
    expect(range(0, 1)).toBe('sequence')
    expect(range(2, 1)).toBe('sequence-2')
    expect(range(0, 2)).toBe('floor((sequence+1)/(2))')
    expect(range(0, 0)).toContain('range(')
    expect(range(0, -1)).toContain('range(')
  })
})

describe('Gather', () => {
  it('takes the shape of its indices in place of the axis', () => {
    const table = x(99, 8)
    const ids = input('int64', ['batch', 'sequence'], table.builder as GraphBuilder)
    expect(Gather(table, ids).shape).toEqual(['batch', 'sequence', 8])
    expect(Gather(table, ids, { axis: -1 }).shape).toEqual([99, 'batch', 'sequence'])
    expect(() => Gather(table, ids, { axis: 2 })).toThrow(ShapeMismatchError)
  })

  it('picks elements of a vector, from behind too', () => {
    const data = x('batch', 'sequence')
    expect(Gather(Shape(data), one(data, -1))).toMatchObject({ shape: [], elements: ['sequence'] })
    expect(Gather(Shape(data), ints(data, 1, 0)).elements).toEqual(['sequence', 'batch'])
    expect(Gather(Shape(data), ints(data, 2)).elements).toBeUndefined()
    expect(Gather(Unsqueeze(Shape(data), ints(data, 0)), ints(data, 0)).elements).toBeUndefined()
  })
})

describe('the other movements', () => {
  it('keep symbols', () => {
    const data = x('batch', 'sequence', 8)
    expect(Identity(data).shape).toEqual(['batch', 'sequence', 8])
    expect(Transpose(data, { perm: [0, 2, 1] }).shape).toEqual(['batch', 8, 'sequence'])
    expect(Transpose(data).shape).toEqual([8, 'sequence', 'batch'])
    expect(Flatten(data, { axis: 2 }).shape).toEqual(['batch*sequence', 8])
    expect(Flatten(data, { axis: 3 }).shape).toEqual(['8*batch*sequence', 1])
    expect(Unsqueeze(data, ints(data, -1, 0)).shape).toEqual([1, 'batch', 'sequence', 8, 1])
    const single = input('float32', ['batch', 1, 8], data.builder as GraphBuilder)
    expect(Squeeze(single, ints(data, 1)).shape).toEqual(['batch', 8])
    expect(Tile(data, ints(data, 2, 1, 1)).shape).toEqual(['2*batch', 'sequence', 8])
    expect(Expand(Squeeze(single, ints(data, 1)), Concat([Shape(data, { end: 1 }), ints(data, 1)], { axis: 0 })).shape).toEqual(['batch', 8])
    expect(Concat([data, data], { axis: -2 }).shape).toEqual(['batch', '2*sequence', 8])
    expect(Mul(Shape(data), Shape(data)).elements).toEqual(['batch*batch', 'sequence*sequence', 64])
  })

  it('refuse what cannot be', () => {
    const data = x('batch', 3)
    expect(() => Transpose(data, { perm: [0, 0] })).toThrow(InvalidGraphError)
    expect(() => Transpose(data, { perm: [0, 1, 2] })).toThrow(ShapeMismatchError)
    expect(() => Flatten(data, { axis: 3 })).toThrow(ShapeMismatchError)
    expect(() => Flatten(data, { axis: -3 })).toThrow(ShapeMismatchError)
    expect(() => Unsqueeze(data, ints(data, 0, 0))).toThrow(ShapeMismatchError)
    expect(() => Unsqueeze(data, ints(data, 3))).toThrow(ShapeMismatchError)
    expect(() => Squeeze(data, ints(data, 1))).toThrow(ShapeMismatchError)
    expect(() => Tile(data, ints(data, 2))).toThrow(ShapeMismatchError)
    expect(() => GatherElements(data, secret(data, 2))).toThrow(ShapeMismatchError)
    const other = input('float32', ['batch', 4], data.builder as GraphBuilder)
    expect(() => Concat([data, other], { axis: 0 })).toThrow(ShapeMismatchError)
    expect(() => Concat([data, input('float32', [3], data.builder as GraphBuilder)], { axis: 0 })).toThrow(ShapeMismatchError)
  })
})

describe('graphs of strangers', () => {
  it('cannot make shapes or elements grow without end', () => {
    const builder = new GraphBuilder('strange', [])
    let vector: Value = integers(builder.input('x', 'float32', [1]), [1, 2, 3])
    for (let count = 0; count < 60; count++) vector = Concat([vector, vector], { axis: 0 })
    expect(vector.elements).toBeUndefined()
    expect(() => Reshape(builder.input('y', 'float32', [1]), builder.input('shape', 'int64', [1_000_000_000]))).toThrow(ShapeMismatchError)
    let wide: Value = builder.input('z', 'float32', [1])
    expect(() => {
      for (let count = 0; count < 20; count++) wide = Unsqueeze(wide, integers(wide, [0, 1, 2, 3, 4, 5, 6, 7]))
    }).toThrow('at most 64 dimensions')
  })

  it('cannot make sizes below 0', () => {
    const builder = new GraphBuilder('strange', [])
    expect(() => ConstantOfShape(integers(builder.input('x', 'float32', [1]), [2, -3]))).toThrow(ShapeMismatchError)
  })
})
