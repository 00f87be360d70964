import { bytesOf, inlineConstant, InvalidFileError, lazyConstant, viewAs, WeightMismatchError } from '@tenon/core'
import { Add } from '@tenon/graph/ops'
import { describe, expect, it } from 'vitest'
import { hollow, weightsOf } from './test-support.js'

describe('taking weights from a checkpoint', () => {
  it('finds a parameter by the steps to it, and leaves out empty ones', () => {
    const { weights } = weightsOf({ 'encoder.layer.0.dense.weight': hollow('float32', [2, 3]) })
    const value = weights.at('').at('encoder.layer', 0).at('dense').get('weight', [2, 3])
    expect(value).toMatchObject({ name: 'encoder.layer.0.dense.weight', dtype: 'float32', shape: [2, 3] })
  })

  it('tries other spellings after the path itself, and names the value by the path', () => {
    const spellings = (path: string) => [path.replace('weight', 'gamma')]
    const both = { 'norm.gamma': hollow('float32', [1]), 'norm.weight': hollow('float32', [2]) }
    expect(weightsOf(both, spellings).weights.get('norm.weight', [2]).name).toBe('norm.weight')
    const { weights } = weightsOf({ 'norm.gamma': hollow('float32', [1]) }, spellings)
    expect(weights.has('norm.weight')).toBe(true)
    expect(weights.has('norm.bias')).toBe(false)
    expect(weights.get('norm.weight', [1]).name).toBe('norm.weight')
  })

  it('gives the same value however it was come to, so that tied weights stay tied', () => {
    const { builder, weights } = weightsOf({ 'a.b.c': hollow('float32', [2]) })
    const value = weights.get('a.b.c', [2])
    expect(weights.at('a', 'b').get('c', [2])).toBe(value)
    builder.output('y', Add(value, value))
    expect([...builder.build().constants.keys()]).toEqual(['a.b.c'])
  })

  it('names an absent tensor and what was expected of it', () => {
    const get = () => weightsOf({}).weights.at('pooler').get('weight', [2, 3])
    expect(get).toThrow(WeightMismatchError)
    expect(get).toThrow("The config of 'folder' asks for 'pooler.weight' of shape [2, 3], and the checkpoint has no such tensor")
  })

  it.each([[[3, 2]], [[6]], [[2, 3, 1]], [[]]])('refuses a tensor of shape %j where [2, 3] is asked for, each time it is asked', (shape) => {
    const { weights } = weightsOf({ weight: hollow('float32', shape) })
    for (let time = 0; time < 2; time++) expect(() => weights.get('weight', [2, 3])).toThrow(`the checkpoint holds [${shape.join(', ')}]`)
  })

  it('refuses another shape for a tensor that it gave before', () => {
    const { weights } = weightsOf({ weight: hollow('float32', [2, 3]) })
    weights.get('weight', [2, 3])
    expect(() => weights.get('weight', [3, 2])).toThrow(WeightMismatchError)
  })

  it('leaves float32 where it lies, and widens the others when they are asked for, each time anew', async () => {
    const float32 = inlineConstant('float32', [1], Float32Array.of(1))
    let fetched = 0
    const float16 = lazyConstant('float16', [2], async () => {
      fetched++
      return bytesOf(Uint16Array.of(0x3c00, 0xc000))
    })
    const { builder, weights } = weightsOf({ float32, float16 })
    expect(builder.constantOf(weights.get('float32', [1]))).toBe(float32)
    const widened = builder.constantOf(weights.get('float16', [2]))!
    expect(widened).toMatchObject({ dtype: 'float32', shape: [2], byteLength: 8 })
    expect(fetched).toBe(0)
    expect(Array.from(viewAs('float32', await widened.bytes()))).toEqual([1, -2])
    await widened.bytes()
    expect(fetched).toBe(2)
  })

  it.each(['int8', 'uint8', 'int64', 'bool'] as const)('refuses weights of %s, which are nothing without their scales', (dtype) => {
    const get = () => weightsOf({ weight: hollow(dtype, [2]) }).weights.get('weight', [2])
    expect(get).toThrow(InvalidFileError)
    expect(get).toThrow(`folder holds 'weight' as ${dtype}`)
  })
})
