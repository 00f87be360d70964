import { lazyConstant, type Constant } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { widened } from './widened.js'

const nobody = () => Promise.reject(new Error('nobody asks for the numbers'))
const weight = (rows: number, dtype: 'float32' | 'bfloat16' | 'float16'): Constant => lazyConstant(dtype, [rows, 2 ** 20], nobody)

describe('weights of 16 bits', () => {
  it('are told of where widening them takes a while, with what helps', () => {
    expect(widened([weight(300, 'bfloat16'), weight(100, 'bfloat16'), weight(10, 'float32')])).toBe('The weights are stored in bfloat16 and are widened to 1.7 GB at each start. With --weights int8 or int4 they are made smaller once and kept: later starts take a fraction of the time, and memory')
    expect(widened([weight(50, 'bfloat16'), weight(50, 'float16')])).toMatch(/^The weights are stored in bfloat16 and float16 and are widened to 0.4 GB/)
  })

  it('are not where they are few, or floats already', () => {
    expect(widened([weight(63, 'bfloat16')])).toBeUndefined()
    expect(widened([weight(1000, 'float32')])).toBeUndefined()
  })
})
