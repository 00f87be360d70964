import { bytesOf, checkOptions, inlineConstant, lazyConstant, tensor, viewAs, type Compressor, type Constant, type Graph } from '@tenon/core'
import { Mul } from '@tenon/graph/ops'
import { describe, expect, it } from 'vitest'
import { graph } from '../backend/graphs.js'
import { failures, record } from '../test-recorder.js'
import { toy } from '../test-toy-backend.js'
import { testCompressor } from './suite.js'

type Mistake = 'changes what it is given' | 'cuts off an output' | 'gives another graph for nothing' | 'is another each time' | 'leaves a value without a maker' | 'promises other bytes' | 'rounds too much' | 'takes any option'

/** Rounds weights to quarters. */
function rounding(mistake?: Mistake): Compressor<'rounding', object> {
  const has = (wanted: Mistake) => mistake === wanted
  let calls = 0

  function rounded(constant: Constant): Constant {
    const step = has('rounds too much') ? 4 : has('is another each time') ? 0.25 + calls++ / 100 : 0.25
    const length = has('promises other bytes') ? 1 : constant.byteLength / 4
    return lazyConstant('float32', constant.shape, async () => bytesOf(viewAs('float32', await constant.bytes()).slice(0, length).map((value) => Math.round(value / step) * step)))
  }

  function apply(given: Graph): Graph {
    const weights = [...given.constants].filter(([, { dtype }]) => dtype === 'float32')
    if (weights.length === 0 && !has('gives another graph for nothing')) return given
    const constants = new Map([...given.constants, ...weights.map(([name, constant]) => [name, rounded(constant)] as const)])
    if (has('changes what it is given')) (given.constants as Map<string, Constant>).set('more', inlineConstant('float32', [1], Float32Array.of(1)))
    if (has('leaves a value without a maker')) constants.delete('w')
    return { ...given, constants, ...(has('cuts off an output') && { outputs: given.outputs.slice(1) }) }
  }

  return {
    kind: 'compressor',
    version: 'v1',
    name: 'rounding',
    pass(options) {
      if (!has('takes any option')) checkOptions("the compressor 'rounding'", options, [])
      return { name: 'rounding', apply }
    },
  }
}

const run = (mistake?: Mistake) =>
  record((framework) => {
    const layer = graph('layer', { x: ['rows', 3] }, ({ x }, builder) => ({ y: Mul(x, builder.constant(inlineConstant('float32', [3], Float32Array.of(0.3, -1.2, 2)), 'w')), x2: Mul(x, x) }))
    testCompressor(framework, { create: () => rounding(mistake), backend: () => toy(), cases: [{ name: 'a layer', graph: layer, feeds: { x: tensor('float32', [1, 3], Float32Array.of(1, 2, 3)) }, tolerance: 0.1 }] })
  })

describe('a compressor that keeps its contract', () => {
  it('passes', async () => {
    const recorded = await run()
    expect(recorded.filter(({ outcome }) => outcome !== 'passed')).toEqual([])
    expect(recorded).toHaveLength(6)
  })
})

describe('a compressor that breaks its contract', () => {
  const pure = 'a layer > is left as it was, and gives the same each time'
  const valid = 'a layer > becomes a valid graph of the same inputs and outputs'
  const near = 'a layer > computes nearly the same, also when it is exported and read again'
  it.each<[Mistake, readonly string[]]>([
    ['changes what it is given', [pure]],
    ['cuts off an output', [valid, near]],
    ['gives another graph for nothing', ['gives back the same object where there is nothing to do']],
    ['is another each time', [pure]],
    ['leaves a value without a maker', [valid, near]],
    ['promises other bytes', [pure, near]],
    ['rounds too much', [near]],
    ['takes any option', ['refuses options that it does not know']],
  ])('is told where it %s', async (mistake, failed) => {
    expect(failures(await run(mistake))).toEqual(failed)
  })
})
