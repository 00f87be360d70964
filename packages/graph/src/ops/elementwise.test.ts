import { ShapeMismatchError, TypeMismatchError, viewAs, type Dimension } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../builder.js'
import { integers, scalar } from '../literals.js'
import { apartWhenLowered, input, lowered, noise } from '../test-support.js'
import { verify } from '../verify.js'
import { Add, Cast, Div, Equal, Gelu, Mul, Pow, QuickGelu, Shape, Sub, Unsqueeze, Where } from './index.js'

const pair = (a: readonly Dimension[], b: readonly Dimension[]) => {
  const builder = new GraphBuilder('test')
  return [input('float32', a, builder), input('float32', b, builder)] as const
}

describe('broadcasting', () => {
  it.each<[readonly Dimension[], readonly Dimension[], readonly Dimension[]]>([
    [['batch', 1, 8], ['sequence', 1], ['batch', 'sequence', 8]],
    [['batch', 8], [8], ['batch', 8]],
    [['batch'], ['batch'], ['batch']],
    [['batch'], [4], [4]], // the symbol is 4 or 1
    [[4], ['batch'], [4]],
    [[1], ['batch'], ['batch']],
    [[], ['batch', 2], ['batch', 2]],
    [[0], [1], [0]],
    [['2*batch'], ['batch*2'], ['2*batch']],
  ])('of %j and %j makes %j', (a, b, expected) => {
    expect(Add(...pair(a, b)).shape).toEqual(expected)
    expect(Add(...pair(b, a)).shape).toEqual(expected)
  })

  it.each<[readonly Dimension[], readonly Dimension[]]>([
    [[2], [3]],
    [[0], [2]],
    [['batch'], ['sequence']],
    [['batch', 2], ['batch', 3]],
  ])('of %j and %j is a mistake', (a, b) => {
    expect(() => Add(...pair(a, b))).toThrow(ShapeMismatchError)
    expect(() => Add(...pair(b, a))).toThrow(ShapeMismatchError)
  })

  it('of sizes that only a run can tell makes another one, the same both ways', () => {
    const [a, b] = pair(['rows(x)[0]'], ['batch'])
    expect(Add(a, b).shape).toEqual(Add(b, a).shape)
    expect(Add(a, b).shape).not.toEqual(a.shape)
    expect(Add(a, a).shape).toEqual(a.shape)
  })

  it('refuses mixed types, but not for an exponent', () => {
    const builder = new GraphBuilder('test')
    const [x, n] = [input('float32', [2], builder), input('int64', [2], builder)]
    expect(() => Add(x, n)).toThrow(TypeMismatchError)
    expect(() => Equal(x, n)).toThrow(TypeMismatchError)
    expect(() => Where(x, x, x)).toThrow(TypeMismatchError)
    expect(Pow(x, n)).toMatchObject({ dtype: 'float32', shape: [2] })
  })
})

describe('arithmetic on sizes', () => {
  const builder = new GraphBuilder('test')
  const x = input('float32', ['batch', 6], builder)
  const sizes = Shape(x)

  it('keeps what it knows, in polynomials', () => {
    expect(Add(sizes, sizes).elements).toEqual(['2*batch', 12])
    expect(Sub(sizes, sizes).elements).toEqual([0, 0])
    expect(Mul(sizes, integers(x, [3])).elements).toEqual(['3*batch', 18])
    expect(Div(sizes, integers(x, [2, 4])).elements).toEqual(['floor((batch)/(2))', 1])
    expect(Div(Mul(sizes, integers(x, [2])), integers(x, [2])).elements).toEqual(['batch', 6])
  })

  it('truncates quotients of numbers towards zero', () => {
    expect(Div(integers(x, [-7, 7]), integers(x, [2])).elements).toEqual([-3, 3])
  })

  it('knows nothing of a division by zero', () => {
    expect(Div(sizes, integers(x, [0, 1])).elements).toBeUndefined()
  })

  it('does not take a matrix for a vector', () => {
    const row = Unsqueeze(integers(x, [1, 2]), integers(x, [0]))
    const column = Unsqueeze(integers(x, [1, 2]), integers(x, [1]))
    expect(Add(row, column)).toMatchObject({ shape: [2, 2], elements: undefined })
  })

  it('of one element and none is of none', () => {
    expect(Add(integers(x, []), integers(x, [1]))).toMatchObject({ shape: [0], elements: [] })
  })

  it('is followed through casts between integers that hold them', () => {
    expect(Cast(Cast(sizes, { to: 'int32' }), { to: 'int64' }).elements).toEqual(['batch', 6])
    expect(Cast(sizes, { to: 'uint8' }).elements).toBeUndefined()
    expect(Cast(sizes, { to: 'float32' }).elements).toBeUndefined()
  })
})

describe('scalar', () => {
  const bits = (dtype: 'float16' | 'bfloat16', value: number) => {
    const builder = new GraphBuilder('test')
    const constant = builder.constantOf(scalar(input(dtype, [], builder), value))!
    return viewAs(dtype, constant.inline!)[0]
  }

  it.each([
    [0, 0],
    [-0, 0x8000],
    [1, 0x3c00],
    [-2, 0xc000],
    [0.1, 0x2e66],
    [65504, 0x7bff],
    [-3.4028234663852886e38, 0xfbff], // kept finite: masks use it
    [2 ** -24, 1],
    [2 ** -25, 0], // half of the smallest number, a tie
    [3 * 2 ** -25, 2],
    [1 + 2 ** -11, 0x3c00], // ties to even
    [1 + 3 * 2 ** -11, 0x3c02],
    [2 - 2 ** -11, 0x4000],
    [Infinity, 0x7c00],
    [NaN, 0x7e00],
  ])('writes %d as float16', (value, expected) => {
    expect(bits('float16', value)).toBe(expected)
  })

  it.each([
    [1, 0x3f80],
    [-0.1, 0xbdcd],
    [1 + 2 ** -8, 0x3f80],
    [1 + 3 * 2 ** -8, 0x3f82],
    [-3.4028234663852886e38, 0xff7f],
    [Infinity, 0x7f80],
    [NaN, 0x7fc0],
  ])('writes %d as bfloat16', (value, expected) => {
    expect(bits('bfloat16', value)).toBe(expected)
  })
})

describe.each([
  ['Gelu', Gelu, {}],
  ['Gelu', Gelu, { approximate: 'tanh' }],
  ['com.microsoft::QuickGelu', QuickGelu, {}],
  ['com.microsoft::QuickGelu', QuickGelu, { alpha: 1 }],
] as const)('%s', (name, op, attributes) => {
  it(`is what it decomposes into, with ${JSON.stringify(attributes)}`, async () => {
    const builder = new GraphBuilder('test')
    builder.output('y', op(builder.input('x', 'float32', ['batch', 8]), attributes))
    const feeds = noise([3, 8])
    feeds.values.forEach((value, index) => (feeds.values[index] = value * 6))
    const graph = builder.build()
    verify(lowered(graph, name))
    expect(await apartWhenLowered(graph, { x: feeds }, name)).toBeLessThanOrEqual(1e-5)
  })
})
