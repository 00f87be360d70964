import { TypeMismatchError } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../builder.js'
import { apartWhenLowered, constantOf, input, lowered, noise, tensorOf } from '../test-support.js'
import { verify } from '../verify.js'
import { DequantizeLinear, DynamicQuantizeMatMul, MatMulInteger, MatMulIntegerToFloat, QuantizeLinear } from './index.js'

describe('quantisation', () => {
  it('takes the type of the zero point, of output_dtype, or uint8', () => {
    const builder = new GraphBuilder('test')
    const [x, scale] = [input('float32', ['n'], builder), input('float32', [], builder)]
    expect(QuantizeLinear(x, scale).dtype).toBe('uint8')
    expect(QuantizeLinear(x, scale, undefined, { output_dtype: 'int4' }).dtype).toBe('int4')
    expect(QuantizeLinear(x, scale, input('int8', [], builder)).dtype).toBe('int8')
  })

  it('takes the type of the scale back', () => {
    const builder = new GraphBuilder('test')
    expect(DequantizeLinear(input('int8', ['n', 4], builder), input('float16', [4], builder))).toMatchObject({ dtype: 'float16', shape: ['n', 4] })
  })

  it('multiplies 8-bit integers alone, into int32', () => {
    const builder = new GraphBuilder('test')
    const bytes = input('uint8', ['n', 4], builder)
    expect(MatMulInteger(bytes, input('int8', [4, 2], builder))).toMatchObject({ dtype: 'int32', shape: ['n', 2] })
    expect(() => MatMulInteger(bytes, input('float32', [4, 2], builder))).toThrow(TypeMismatchError)
  })
})

const op = 'com.microsoft::DynamicQuantizeMatMul'

describe('DynamicQuantizeMatMul', () => {
  it.each([
    ['one scale', [], false, false],
    ['one scale, a zero point and a bias', [], true, true],
    ['a scale for each column', [4], false, true],
    ['a scale and a zero point for each column', [4], true, true],
  ] as const)('is what it decomposes into, with %s', async (_, shape, hasZero, hasBias) => {
    const builder = new GraphBuilder('test')
    const x = builder.input('x', 'float32', ['n', 3])
    const weight = builder.constant(constantOf(tensorOf('int8', [3, 4], [1, -2, 3, 4, -5, 6, 7, -8, 9, 10, -11, 12])))
    const count = shape.length === 0 ? 1 : 4
    const scale = builder.constant(constantOf(tensorOf('float32', shape, [0.5, 0.25, 0.125, 0.1].slice(0, count))))
    const zero = hasZero ? builder.constant(constantOf(tensorOf('int8', shape, [3, -1, 2, 0].slice(0, count)))) : undefined
    const bias = hasBias ? builder.constant(constantOf(noise([4], 2))) : undefined
    builder.output('y', DynamicQuantizeMatMul(x, weight, scale, zero, bias))
    const graph = builder.build()
    verify(lowered(graph, op))
    expect(await apartWhenLowered(graph, { x: noise([5, 3]) }, op)).toBeLessThanOrEqual(1e-5)
  })
})

const toFloat = 'com.microsoft::MatMulIntegerToFloat'

describe('MatMulIntegerToFloat', () => {
  it.each([
    ['one scale', 1, false, false],
    ['a scale and a zero point for each column, and a bias', 4, true, true],
  ] as const)('is what it decomposes into, with %s', async (_, count, hasZeros, hasBias) => {
    const builder = new GraphBuilder('test')
    const x = builder.input('x', 'uint8', ['n', 3])
    const constant = (...given: Parameters<typeof tensorOf>) => builder.constant(constantOf(tensorOf(...given)))
    const shape = count === 1 ? [] : [count]
    const weight = constant('int8', [3, 4], [1, -2, 3, 4, -5, 6, 7, -8, 9, 10, -11, 12])
    const scales = [constant('float32', [], [0.5]), constant('float32', shape, [0.5, 0.25, 0.125, 0.1].slice(0, count))] as const
    const zeros = hasZeros ? [constant('uint8', [], [3]), constant('int8', shape, [3, -1, 2, 0].slice(0, count))] : []
    const product = MatMulIntegerToFloat(x, weight, ...scales, zeros[0], zeros[1], hasBias ? constant('float32', [4], [1, 2, 3, 4]) : undefined)
    expect(product).toMatchObject({ dtype: 'float32', shape: ['n', 4] })
    builder.output('y', product)
    const graph = builder.build()
    verify(lowered(graph, toFloat))
    expect(await apartWhenLowered(graph, { x: tensorOf('uint8', [2, 3], [1, 2, 3, 250, 0, 9]) }, toFloat)).toBeLessThanOrEqual(1e-5)
  })
})
