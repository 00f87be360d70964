import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inlineConstant, NoSuchHeadError, WeightMismatchError, type Checkpoint, type Graph, type Model } from '@tenon/core'
import { writeSafetensors } from '@tenon/checkpoint'
import { defineOp, GraphBuilder } from '@tenon/graph'
import { readOnnx } from '@tenon/graph/onnx'
import { Add, Mul } from '@tenon/graph/ops'
import { afterAll, describe, expect, it } from 'vitest'
import { failures, record } from '../test-recorder.js'
import { toy } from '../test-toy-backend.js'
import { testModel } from './suite.js'

type Mistake =
  | 'computes something else'
  | 'fills in what is missing'
  | 'has a composite without a decomposition'
  | 'has a head without a fixture'
  | 'has another name than its configs'
  | 'is another each time'
  | 'makes up heads'
  | 'names an output otherwise'
  | 'reads weights as it builds'
  | 'takes any shape'
  | 'takes no exported graph'
  | 'throws plain errors'

const SIZE = 3
const outputs = { base: 'states', shifted: 'shifted' } as const
const builds = { count: 0 }

const Opaque = defineOp('test.tenon::Opaque', { since: 1, inputs: ['X'], infer: ([x]) => ({ dtype: x.dtype, shape: x.shape }) })

/** y = x · scale, and with the head `shifted` + shift. */
function family(mistake?: Mistake): Model {
  const has = (wanted: Mistake) => mistake === wanted

  async function build(checkpoint: Checkpoint, { head }: { readonly head: string }): Promise<{ model: Graph }> {
    if (head !== 'base' && head !== 'shifted' && !has('makes up heads')) throw new NoSuchHeadError({ family: 'toy', head, available: ['base', 'shifted'] })
    if (checkpoint.constants.size === 0 && checkpoint.graph !== undefined && !has('takes no exported graph')) return { model: await readOnnx(await checkpoint.path(checkpoint.graph)) }
    const builder = new GraphBuilder('toy')
    const weight = (name: string) => {
      const constant = checkpoint.constants.get(name)
      if (constant === undefined && has('fills in what is missing')) return builder.constant(inlineConstant('float32', [SIZE], new Float32Array(SIZE)), name)
      if (constant === undefined && has('throws plain errors')) throw new Error(`no ${name}`)
      const wrong = constant === undefined || (constant.shape.join() !== `${SIZE}` && !has('takes any shape'))
      if (wrong) throw new WeightMismatchError({ tensor: name, expected: [SIZE], actual: constant?.shape } as never)
      return builder.constant(constant, name)
    }
    if (has('reads weights as it builds')) await checkpoint.constants.get('scale')?.bytes()
    const x = builder.input(has('is another each time') ? `x${builds.count++}` : 'x', 'float32', ['rows', SIZE])
    const scaled = Mul(x, weight('scale'))
    const states = has('has a composite without a decomposition') ? Opaque(scaled) : scaled
    if (head === 'shifted') builder.output(outputs.shifted, Add(states, weight('shift')))
    else builder.output(has('names an output otherwise') ? 'out' : outputs.base, has('computes something else') ? Add(states, states) : states)
    return { model: builder.build() }
  }
  return { kind: 'model', version: 'v1', name: has('has another name than its configs') ? 'toys' : 'toy', heads: has('has a head without a fixture') ? ['base', 'shifted', 'other'] : ['base', 'shifted'], build }
}

const folder = await mkdtemp(join(tmpdir(), 'tenon-testing-'))
afterAll(() => rm(folder, { recursive: true }))

const [scale, shift] = [Float32Array.of(2, 3, -1), Float32Array.of(10, 20, 30)]
await writeSafetensors(join(folder, 'model.safetensors'), [
  ['scale', inlineConstant('float32', [SIZE], scale)],
  ['shift', inlineConstant('float32', [SIZE], shift)],
])
const write = (name: string, content: object) => writeFile(join(folder, name), JSON.stringify(content))
await write('config.json', { model_type: 'toy' })
await write('inputs.json', { rows: { x: { dtype: 'float32', shape: [2, SIZE], data: [1, 2, 3, 0, 0, 1] } } })

/** Two heads on one checkpoint: the numbers of the second lie in a folder of their own. */
const shifted = await mkdtemp(join(tmpdir(), 'tenon-testing-'))
afterAll(() => rm(shifted, { recursive: true }))
const expected = (name: string, data: readonly number[], above = '.') => ({ weights: `${above}/model.safetensors`, inputs: `${above}/inputs.json`, cases: { rows: { [name]: { shape: [2, SIZE], data } } } })
await write('expected.json', expected('states', [2, 6, -3, 0, 0, -1]))
await writeFile(join(shifted, 'expected.json'), JSON.stringify(expected('shifted', [12, 26, 27, 10, 20, 29], join('..', folder.split('/').at(-1)!))))

const fixtures = [
  { name: 'tiny', head: 'base', folder },
  { name: 'tiny', head: 'shifted', folder, expected: shifted },
]

const run = (mistake?: Mistake) => record((framework) => testModel(framework, { create: () => family(mistake), fixtures, backend: () => toy() }))

describe('a model family that keeps its contract', () => {
  it('passes', async () => {
    const recorded = await run()
    expect(recorded.filter(({ outcome }) => outcome !== 'passed')).toEqual([])
    expect(recorded).toHaveLength(12)
  })
})

describe('a model family that breaks its contract', () => {
  it.each<[Mistake, readonly string[]]>([
    ['fills in what is missing', ['building > refuses a weight that is missing or has another shape, by its name']],
    ['has a head without a fixture', ['has a fixture for every head', 'building > refuses a head that it has not, and names those that it has']],
    ['has another name than its configs', ['is a plugin of the contract v1, named after what its configs say']],
    ['makes up heads', ['building > refuses a head that it has not, and names those that it has']],
    ['reads weights as it builds', ['building > reads no weights, and gives the same each time']],
    ['takes any shape', ['building > refuses a weight that is missing or has another shape, by its name']],
    ['takes no exported graph', ['tiny, head base > computes the same when exported, and opened without its weights', 'tiny, head shifted > computes the same when exported, and opened without its weights']],
    ['throws plain errors', ['building > refuses a weight that is missing or has another shape, by its name']],
  ])('is told where it %s', async (mistake, failed) => {
    expect(failures(await run(mistake))).toEqual(failed)
  })

  it.each<[Mistake, string]>([
    ['computes something else', 'tiny, head base > computes what the reference does, on every case and output'],
    ['has a composite without a decomposition', 'tiny, head base > computes the same in standard operators'],
    ['is another each time', 'building > reads no weights, and gives the same each time'],
    ['names an output otherwise', 'tiny, head base > computes what the reference does, on every case and output'],
  ])('is told, among else, where it %s', async (mistake, failed) => {
    expect(failures(await run(mistake))).toContain(failed)
  })
})
