import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TenonError, type Backend, type Checkpoint, type Constant, type Graph, type Model } from '@tenon/core'
import { openFolder } from '@tenon/checkpoint'
import { verify } from '@tenon/graph'
import { writeOnnx } from '@tenon/graph/onnx'
import { lower } from '@tenon/graph/passes'
import { breach, keeps, worded } from '../breach.js'
import { differs } from '../compare.js'
import { describedGraph } from '../described-graph.js'
import { freeAfterAll, type TestFramework } from '../framework.js'
import { runAndRead } from '../read.js'
import { rejects } from '../rejects.js'
import type { ToleranceTable } from '../tolerance.js'
import { copyCheckpoint, modelCases, type ModelFixture } from './fixture.js'

export interface ModelSuite {
  create(): Model
  /** One for every head at least. */
  readonly fixtures: readonly ModelFixture[]
  /** What the graphs are run on; the suite disposes of it. */
  backend(): Backend<string, object>
  /** How far outputs may be from the reference's. Default: 1e-4 for float32, absolutely. */
  readonly tolerance?: ToleranceTable
}

/** Twenty times what a float32 run of PyTorch is from a float64 one on models of this size. */
const usualTolerance: ToleranceTable = { float32: { absolute: 1e-4, relative: 0 } }

/** As for a backend that has no operators of ONNX Runtime's own. */
const standard = lower({ name: 'standard operators only', supports: ({ op }) => !op.includes('::') })

/**
 * Declares the tests that every model family passes: each fixture is what the reference computes, as it is built, in standard
 * operators only, and exported and read again; heads, weights and shapes that are not there are refused.
 * @example
 * testModel({ describe, it, afterAll }, { create: () => bert(), fixtures: [{ name: 'base', head: 'base', folder }], backend: () => onnx() })
 */
export function testModel(framework: TestFramework, { create, fixtures, backend: createBackend, tolerance = usualTolerance }: ModelSuite): void {
  const { describe, it } = framework
  const model = create()

  describe(`the contract of a model family: ${model.name}`, () => {
    const backend = createBackend()
    freeAfterAll(framework, () => backend.dispose?.())

    /** The graph that is run: built, verified. */
    async function build(checkpoint: Checkpoint, { head, role = 'model' }: Pick<ModelFixture, 'head' | 'role'>): Promise<Graph> {
      const graph = (await model.build(checkpoint, { head }))[role]
      if (graph === undefined) throw breach({ contract: 'build returns graphs by their role', did: `build returned no graph '${role}'` })
      return verify(graph)
    }

    async function checkCases(graph: Graph, fixture: ModelFixture): Promise<void> {
      const cases = await modelCases(fixture)
      keeps(cases.length > 0, { contract: 'a fixture has a case', did: `'${fixture.name}' has none` })
      await using executable = await backend.compile(graph, {}, { emit: () => {} })
      for (const { name, feeds, outputs } of cases) {
        const unfed = executable.inputs.filter((input) => feeds[input.name] === undefined)
        keeps(unfed.length === 0, { contract: 'inputs are named as the reference names them', did: `the graph has the inputs ${unfed.map((input) => input.name).join(', ')}, which the case '${name}' does not feed` })
        const made = await runAndRead(executable, Object.fromEntries(executable.inputs.map((input) => [input.name, feeds[input.name]!])))
        const [got, wanted] = [Object.keys(made).toSorted(), Object.keys(outputs).toSorted()]
        keeps(got.join() === wanted.join(), { contract: 'a head has the outputs of the reference, by their names', did: `the case '${name}' gives ${got.join(', ')} and not ${wanted.join(', ')}`, actual: got, expected: wanted })
        for (const [output, { dtype = 'float32', shape, data }] of Object.entries(outputs)) {
          const difference = differs(made[output]!, { dtype, shape, values: dtype === 'float32' ? Float32Array.from(data) : (made[output]!.values.constructor as Float32ArrayConstructor).from(data) }, tolerance)
          keeps(difference === undefined, { contract: 'a model computes what the reference does', did: `'${output}' of the case '${name}' ${difference ?? ''}` })
        }
      }
    }

    /** The fixture as a checkpoint, for the length of a test. */
    async function opened<T>(fixture: ModelFixture, work: (checkpoint: Checkpoint, folder: string) => Promise<T>): Promise<T> {
      const folder = await mkdtemp(join(tmpdir(), 'tenon-testing-'))
      try {
        await copyCheckpoint(fixture, folder)
        await using checkpoint = await openFolder(folder)
        return await work(checkpoint, folder)
      } finally {
        await rm(folder, { recursive: true, force: true })
      }
    }

    it('is a plugin of the contract v1, named after what its configs say', async () => {
      keeps(model.kind === 'model' && model.version === 'v1', { contract: "a model family has the kind 'model' and the version 'v1'", did: `it has the kind '${String(model.kind)}' and the version '${String(model.version)}'` })
      for (const fixture of fixtures) {
        await opened(fixture, async ({ config }) => keeps(config.model_type === model.name, { contract: 'the name is the model_type of the configs it reads', did: `the config of '${fixture.name}' says '${config.model_type}', and the family is called '${model.name}'` }))
      }
    })

    it('has a fixture for every head', async () => {
      const without = model.heads.filter((head) => !fixtures.some((fixture) => fixture.head === head))
      keeps(without.length === 0, { contract: 'every head is what the reference computes', did: `no fixture has ${without.join(', ')}`, actual: [...new Set(fixtures.map(({ head }) => head))], expected: model.heads })
    })

    for (const fixture of fixtures) {
      describe(`${fixture.name}, head ${fixture.head}`, () => {
        it('computes what the reference does, on every case and output', () => opened(fixture, async (checkpoint) => checkCases(await build(checkpoint, fixture), fixture)))

        it('computes the same in standard operators', () =>
          opened(fixture, async (checkpoint) => {
            const graph = verify(standard.apply(await build(checkpoint, fixture)))
            const left = graph.nodes.filter(({ op }) => op.includes('::')).map(({ op }) => op)
            keeps(left.length === 0, { contract: 'every composite has a decomposition into standard operators', did: `${left.join(', ')} are left`, actual: left })
            await checkCases(graph, fixture)
          }))

        it('computes the same when exported, and opened without its weights', () =>
          opened(fixture, async (checkpoint, folder) => {
            const graph = await build(checkpoint, fixture)
            await writeOnnx(graph, join(folder, 'onnx/model.onnx'))
            for (const file of await readdir(folder)) if (file.includes('.safetensors')) await rm(join(folder, file))
            await using exported = await openFolder(folder)
            keeps(exported.constants.size === 0, { contract: 'the fixture has its weights in safetensors', did: 'there are other weights in its folder' })
            const again = await build(exported, fixture)
            const contract = 'a graph that is exported and read again is the same'
            for (const border of ['inputs', 'outputs'] as const) keeps(JSON.stringify(again[border]) === JSON.stringify(graph[border]), { contract, did: `it has other ${border}`, actual: again[border], expected: graph[border] })
            await checkCases(again, fixture)
          }))
      })
    }

    describe('building', () => {
      /** The plainest of each head. */
      const plain = model.heads.flatMap((head) => fixtures.find((fixture) => fixture.head === head) ?? [])

      it('reads no weights, and gives the same each time', async () => {
        for (const fixture of plain) {
          await opened(fixture, async (checkpoint) => {
            let read = ''
            const watched = new Map(Array.from(checkpoint.constants, ([name, constant]): [string, Constant] => [name, { ...constant, bytes: () => ((read = name), constant.bytes()) }]))
            const before = JSON.stringify(checkpoint.config)
            const graphs = [await build({ ...checkpoint, constants: watched }, fixture), await build({ ...checkpoint, constants: watched }, fixture)] as const
            keeps(read === '', { contract: 'bytes of weights are fetched only when a backend asks', did: `build fetched those of '${read}'` })
            keeps(JSON.stringify(checkpoint.config) === before, { contract: 'a checkpoint is read', did: 'build changed its config' })
            const [one, other] = graphs.map(describedGraph)
            keeps(one === other, { contract: 'the same checkpoint makes the same graph', did: `the head '${fixture.head}' made another graph the second time`, actual: other, expected: one })
          })
        }
      })

      it('refuses a head that it has not, and names those that it has', () =>
        opened(fixtures[0]!, async (checkpoint) => {
          for (const head of ['no-such-head', 'toString', '']) await rejects(() => model.build(checkpoint, { head }), { code: 'TENON_NO_SUCH_HEAD', naming: [`'${head}'`, ...model.heads], asked: `The head '${head}'`, contract: 'build throws a NoSuchHeadError' })
        }))

      it('refuses a weight that is missing or has another shape, by its name', async () => {
        for (const fixture of plain) {
          await opened(fixture, async (checkpoint) => {
            const needed: string[] = []
            for (const name of checkpoint.constants.keys()) if (await isRefused(without(checkpoint, name), fixture, `'${name}' is missing`)) needed.push(name)
            keeps(needed.length > 0, { contract: 'build throws a WeightMismatchError when config and weights disagree', did: `the head '${fixture.head}' was built whichever weight was missing` })
            for (const name of needed) {
              const refused = await isRefused(reshaped(checkpoint, name), fixture, `'${name}' has another shape`)
              keeps(refused, { contract: 'build throws a WeightMismatchError when config and weights disagree', did: `the head '${fixture.head}' was built with '${name}' in another shape` })
            }
          })
        }
      })

      /** Whether a checkpoint is refused for its weights; `false` where its head does without that one. */
      async function isRefused(checkpoint: Checkpoint, { head }: ModelFixture, what: string): Promise<boolean> {
        try {
          await model.build(checkpoint, { head })
          return false
        } catch (error) {
          if (TenonError.isInstance(error) && error.code === 'TENON_WEIGHT_MISMATCH') return true
          throw breach({ contract: 'build throws a WeightMismatchError when config and weights disagree', did: `where ${what}, it threw "${worded(error)}"` })
        }
      }

      it('says how many tokens a text may have, where positions limit it', () =>
        opened(fixtures[0]!, async (checkpoint) => {
          const most = model.maxLength?.(checkpoint)
          keeps(most === undefined || (Number.isInteger(most) && most > 0), { contract: 'maxLength is a number of tokens', did: `it is ${most}` })
        }))
    })
  })
}

const without = (checkpoint: Checkpoint, name: string): Checkpoint => ({ ...checkpoint, constants: new Map([...checkpoint.constants].filter(([each]) => each !== name)) })

function reshaped(checkpoint: Checkpoint, name: string): Checkpoint {
  const { dtype, shape, byteLength } = checkpoint.constants.get(name)!
  const other: Constant = { dtype, shape: [...shape, 1, 1], byteLength, bytes: async () => new Uint8Array(byteLength) }
  return { ...checkpoint, constants: new Map(Array.from(checkpoint.constants, (entry) => (entry[0] === name ? [name, other] : entry))) }
}
