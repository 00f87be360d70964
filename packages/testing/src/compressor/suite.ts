import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Backend, Compressor, Graph, HostTensor, Operator } from '@tenon/core'
import { verify } from '@tenon/graph'
import { readOnnx, writeOnnx } from '@tenon/graph/onnx'
import { doubling } from '../backend/graphs.js'
import { breach, keeps, worded } from '../breach.js'
import { elements, type Read } from '../compare.js'
import { describedGraph } from '../described-graph.js'
import { freeAfterAll, type TestFramework } from '../framework.js'
import { runAndRead } from '../read.js'
import { rejects } from '../rejects.js'

/** A graph that the compressor is given, and what it is run on before and after. */
export interface CompressorCase {
  readonly name: string
  /** One in which it finds something to do. */
  readonly graph: Graph
  readonly feeds: Readonly<Record<string, HostTensor>>
  /** Options of the pass. Default: none. */
  readonly options?: object
  /** How far an element of an output may move, in parts of the output's largest. */
  readonly tolerance: number
}

export interface CompressorSuite {
  create(): Compressor<string, object>
  /** What the graphs are run on; the suite disposes of it. */
  backend(): Backend<string, object>
  readonly cases: readonly CompressorCase[]
}

/**
 * Declares the tests that every compressor passes: its passes are pure and give valid graphs of the same inputs and outputs,
 * which compute nearly the same, also when they are exported and read again.
 * @example
 * testCompressor({ describe, it, afterAll }, { create: () => dynamicInt8(), backend: () => onnx(), cases: [{ name: 'a layer', graph, feeds, tolerance: 0.05 }] })
 */
export function testCompressor(framework: TestFramework, { create, backend: createBackend, cases }: CompressorSuite): void {
  const { describe, it } = framework
  const compressor = create()

  describe(`the contract of a compressor: ${compressor.name}`, () => {
    const backend = createBackend()
    freeAfterAll(framework, () => backend.dispose?.())

    const run = async (graph: Graph, feeds: CompressorCase['feeds']) => {
      await using executable = await backend.compile(graph, {}, { emit: () => {} })
      return runAndRead(executable, feeds)
    }

    it('is a plugin of the contract v1, whose passes have a name', async () => {
      keeps(compressor.kind === 'compressor' && compressor.version === 'v1', { contract: "a compressor has the kind 'compressor' and the version 'v1'", did: `it has the kind '${String(compressor.kind)}' and the version '${String(compressor.version)}'` })
      const { name } = compressor.pass(cases[0]?.options ?? {}, 'model')
      keeps(typeof name === 'string' && name !== '', { contract: 'a pass has a name', did: `its name is '${String(name)}'` })
    })

    it('gives back the same object where there is nothing to do', async () => {
      const after = compressor.pass(cases[0]?.options ?? {}, 'model').apply(doubling)
      keeps(after === doubling, { contract: 'a pass returns the same object when nothing changed', did: 'it returned another graph for one without weights' })
    })

    it('refuses options that it does not know', () =>
      rejects(async () => compressor.pass({ ...cases[0]?.options, noSuchOption: 1 }, 'model'), { code: 'TENON_INVALID_OPTION', naming: ["'noSuchOption'"], asked: "A pass with the option 'noSuchOption'", contract: 'an unknown option throws an InvalidOptionError' }))

    for (const { name, graph, feeds, options = {}, tolerance } of cases) {
      describe(name, () => {
        const pass = compressor.pass(options, 'model')

        it('is left as it was, and gives the same each time', async () => {
          const before = describedGraph(verify(graph))
          const [one, other] = [pass.apply(graph), compressor.pass(options, 'model').apply(graph)]
          keeps(one !== graph, { contract: 'the suite is given graphs in which there is something to do', did: `the graph of '${name}' came back as it was` })
          keeps(describedGraph(graph) === before, { contract: 'a pass is pure: graph in, graph out', did: 'it changed the graph that it was given' })
          keeps(describedGraph(one) === describedGraph(other), { contract: 'a pass is pure: the same graph gives the same', did: 'it gave two graphs for one', actual: describedGraph(other), expected: describedGraph(one) })
          for (const [weight, constant] of one.constants) {
            const [bytes, again] = [await constant.bytes(), await other.constants.get(weight)!.bytes()]
            keeps(bytes.byteLength === constant.byteLength, { contract: 'a constant has the bytes of its type and shape', did: `'${weight}' has ${bytes.byteLength} of ${constant.byteLength}` })
            keeps(Buffer.compare(bytes, again) === 0, { contract: 'a pass is pure: the same graph gives the same', did: `'${weight}' has other bytes the second time` })
          }
        })

        it('becomes a valid graph of the same inputs and outputs', async () => {
          const contract = 'a pass keeps what a graph is for'
          const after = pass.apply(graph)
          try {
            verify(after)
          } catch (error) {
            throw breach({ contract: 'a pass gives a valid graph', did: `verify says "${worded(error)}"` })
          }
          for (const border of ['inputs', 'outputs'] as const) keeps(JSON.stringify(after[border]) === JSON.stringify(graph[border]), { contract, did: `it has other ${border}`, actual: after[border], expected: graph[border] })
        })

        it('computes nearly the same, also when it is exported and read again', async () => {
          const after = pass.apply(graph)
          const [before, compressed] = [await run(graph, feeds), await run(after, feeds)]
          for (const [output, expected] of Object.entries(before)) {
            const away = distance(compressed[output]!, expected)
            keeps(away <= tolerance, { contract: 'a compressor trades size or time for a known loss of accuracy', did: `'${output}' moves by ${away} of its largest element, and ${tolerance} is allowed` })
          }
          const folder = await mkdtemp(join(tmpdir(), 'tenon-testing-'))
          try {
            await writeOnnx(after, join(folder, 'model.onnx'))
            const again = verify(await readOnnx(join(folder, 'model.onnx'), { operators: [...(after.operators?.values() ?? [])] as Operator[] }))
            const exported = await run(again, feeds)
            for (const [output, expected] of Object.entries(compressed)) {
              const away = distance(exported[output]!, expected)
              keeps(away <= 1e-5, { contract: 'a graph that is exported and read again is the same', did: `'${output}' moves by ${away} of its largest element` })
            }
          } finally {
            await rm(folder, { recursive: true, force: true })
          }
        })
      })
    }
  })
}

/** The largest difference of two outputs, in parts of the second's largest element; infinite where they have other shapes. */
function distance(actual: Read, expected: Read): number {
  if (actual.dtype !== expected.dtype || actual.shape.join() !== expected.shape.join()) return Infinity
  const [got, wanted] = [Array.from(elements(actual), Number), Array.from(elements(expected), Number)]
  const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  const away = wanted.reduce((most, value, index) => Math.max(most, Number.isFinite(got[index]) ? Math.abs(value - got[index]!) : Infinity), 0)
  return away === 0 ? 0 : away / largest
}
