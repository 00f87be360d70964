import { TenonError, type Backend, type Graph } from '@tenon/core'
import { lower } from '@tenon/graph/passes'
import { breach, worded } from '../breach.js'
import { differs } from '../compare.js'
import { skip, skipNow, type TestFramework } from '../framework.js'
import { runAndRead } from '../read.js'
import { expectedOf, feedsOf, graphOf, hasParameters, readVectors, type Vector } from '../vectors.js'
import type { BackendSuite } from './backend-suite.js'

const CONTRACT = 'operators mean what ONNX says; what a backend cannot run it refuses with an UnsupportedOpError'

/** Each of ONNX's test vectors is run right, or refused. */
export function declareVectors(framework: TestFramework, { ops, unsupported = {}, options = {}, tolerance }: BackendSuite, backend: Backend<string, object>): void {
  if (ops?.length === 0) return
  const vectors = readVectors().filter(({ op }) => ops === undefined || ops.includes(op))
  framework.describe("ONNX's test vectors", () => {
    for (const vector of vectors) {
      const reason = unsupported[vector.name] ?? unsupported[vector.op] ?? lacking(backend, vector)
      if (reason === undefined) framework.it(vector.name, (...context) => check(vector, context))
      else skip(framework, `${vector.name}: skipped: ${reason}`)
    }
  })

  async function check(vector: Vector, context: readonly unknown[]): Promise<void> {
    let refusal = await runVector(vector, graphOf(vector, 'activations'))
    const fed = refusal === undefined && hasParameters(vector) ? graphWhereEverythingIsFed(vector) : undefined
    if (fed !== undefined) refusal = await runVector(vector, fed)
    if (refusal !== undefined) skipNow(context, refusal)
  }

  /** Runs it, and says what is wrong; returns the words of an honest refusal. */
  async function runVector(vector: Vector, graph: Graph): Promise<string | undefined> {
    let made
    try {
      await using executable = await backend.compile(graph, options, { emit: () => {} })
      made = await runAndRead(executable, feedsOf(vector, graph))
    } catch (error) {
      if (TenonError.isInstance(error) && error.code === 'TENON_UNSUPPORTED_OP') return error.message
      throw breach({ contract: CONTRACT, did: `${vector.op} failed with "${worded(error)}"` })
    }
    for (const [name, expected] of expectedOf(vector)) {
      const actual = made[name]
      const difference = actual === undefined ? 'is not there' : differs(actual, expected, tolerance)
      if (difference !== undefined) throw breach({ contract: CONTRACT, did: `${vector.op} makes an ${name} that ${difference}`, actual, expected: { dtype: expected.dtype, shape: expected.shape, values: expected.values } })
    }
    return undefined
  }
}

/** Why a backend does not run a vector, as far as it says so itself, after composites are lowered. */
function lacking(backend: Backend<string, object>, vector: Vector): string | undefined {
  try {
    lower(backend).apply(graphOf(vector, 'activations'))
    return undefined
  } catch (error) {
    // Whatever else goes wrong shows when the test runs.
    return TenonError.isInstance(error) && error.code === 'TENON_UNSUPPORTED_OP' ? `no kernel for ${(error as TenonError & { op?: string }).op}` : undefined
  }
}

/** Of some operators a graph must know the axes. */
function graphWhereEverythingIsFed(vector: Vector): Graph | undefined {
  try {
    return graphOf(vector, 'everything')
  } catch (error) {
    if (TenonError.isInstance(error)) return undefined
    throw error
  }
}
