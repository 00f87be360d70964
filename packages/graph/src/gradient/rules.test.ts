import { describe, expect, it } from 'vitest'
import { standardOps } from '../ops/index.js'
import { ruleOf } from './rules.js'

describe('the rules', () => {
  it('leave out only operators that decompose, and those through which nothing varies smoothly', () => {
    const left = [...standardOps.values()].filter((definition) => ruleOf(definition) === undefined && definition.decompose === undefined).map(({ op }) => op)
    const makingIntegers = ['And', 'ArgMax', 'ArgMin', 'Equal', 'Greater', 'GreaterOrEqual', 'IsInf', 'IsNaN', 'Less', 'LessOrEqual', 'MatMulInteger', 'NonZero', 'Not', 'Or', 'QuantizeLinear', 'Shape', 'Size', 'Xor']
    const readingIntegers = ['ConstantOfShape']
    // Its scale varies with its input, its integers do not: whoever trains through it is told.
    const refused = ['DynamicQuantizeLinear']
    expect(left.filter((op) => ![...makingIntegers, ...readingIntegers, ...refused].includes(op))).toEqual([])
  })
})
