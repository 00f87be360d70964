import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Graph } from '@tenon/core'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { foldConstants, lower, removeDeadCode, shareCommonSubexpressions } from '../passes/index.js'
import { temporaryFolder } from '../test-support.js'
import { verify } from '../verify.js'
import { readOnnx, writeOnnx } from './index.js'

const folder = fileURLToPath(new URL('../../fixtures/foreign/', import.meta.url))
const files = readdirSync(folder).filter((name) => name.endsWith('.onnx'))

/** Two texts, the second padded; what a model does not take is left out. */
const whole = (list: readonly number[]) => new Tensor('int64', BigInt64Array.from(list, BigInt), [2, 6])
const texts: Readonly<Record<string, Tensor>> = {
  input_ids: whole([2, 5, 7, 9, 30, 3, 2, 8, 3, 0, 0, 0]),
  attention_mask: whole([1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0]),
  token_type_ids: whole([0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0]),
}

type Results = ReadonlyMap<string, { readonly dtype: string; readonly shape: readonly number[]; readonly values: readonly number[] }>

/** Runs a file as ONNX Runtime does by itself, with nothing of ours in between. */
async function run(path: string, graphOptimizationLevel: 'disabled' | 'all' = 'disabled'): Promise<Results> {
  const session = await InferenceSession.create(path, { logSeverityLevel: 4, graphOptimizationLevel, intraOpNumThreads: 1 })
  try {
    const results = await session.run(Object.fromEntries(session.inputNames.map((name) => [name, texts[name]!])))
    return new Map(Object.entries(results).map(([name, { type, dims, data }]) => [name, { dtype: type, shape: dims, values: Array.from(data as Float32Array, type === 'float16' ? halfToNumber : Number) }]))
  } finally {
    await session.release()
  }
}

function halfToNumber(bits: number): number {
  const exponent = (bits >> 10) & 31
  const size = exponent === 0 ? (bits & 1023) * 2 ** -24 : (1 + (bits & 1023) / 1024) * 2 ** (exponent - 15)
  return bits & 0x8000 ? -size : size
}

/** The largest difference between what two files give; infinite where they do not give the same things. */
function apart(actual: Results, expected: Results): number {
  if ([...actual.keys()].join() !== [...expected.keys()].join()) return Infinity
  return Math.max(...[...expected].map(([name, { dtype, shape, values }]) => {
    const other = actual.get(name)!
    if (other.dtype !== dtype || other.shape.join() !== shape.join()) return Infinity
    const worst = values.reduce((most, value, index) => Math.max(most, Math.abs(value - other.values[index]!)), 0)
    return Number.isNaN(worst) ? Infinity : worst
  }))
}

async function written(graph: Graph): Promise<string> {
  const path = join(await temporaryFolder(), 'model.onnx')
  await writeOnnx(verify(graph), path)
  return path
}

/** Every operator that is not ONNX's own, and those that quantise again, in plain ones. */
const plain = lower({ name: 'a plain backend', supports: ({ op }) => !/::|^SimplifiedLayerNormalization$|^QLinear/.test(op) })

/** Where fusing rounds otherwise: halves keep 11 bits, `accuracy_level` 4 quantises the input too, and a last bit of 8 may go either way. */
const loweredWithin = (name: string) => (/float16|f16/.test(name) ? 5e-3 : /q4-asymmetric|session-static|static-operators/.test(name) ? 0.1 : 1e-5)

describe.each(files)('%s, which another tool wrote', (name) => {
  const path = join(folder, name)

  it('is read and written back with the same meaning', async () => {
    const rewritten = await written(await readOnnx(path))
    expect(apart(await run(rewritten), await run(path))).toBe(0)
    // Spelled otherwise, it may be optimised otherwise.
    expect(apart(await run(rewritten, 'all'), await run(path, 'all'))).toBeLessThanOrEqual(/float16|f16/.test(name) ? 5e-3 : 1e-5)
  })

  it('keeps its meaning through every pass', async () => {
    const graph = await readOnnx(path)
    const passed = [shareCommonSubexpressions(), foldConstants(), removeDeadCode()].reduce((current, pass) => verify(pass.apply(current)), graph)
    expect(passed.nodes.length).toBeLessThanOrEqual(graph.nodes.length)
    expect(apart(await run(await written(passed)), await run(path))).toBe(0)
  })

  it('gives the same without the operators that only ONNX Runtime has', async () => {
    const lowered = plain.apply(await readOnnx(path))
    expect(lowered.nodes.filter(({ op }) => op.includes('::'))).toEqual([])
    expect(apart(await run(await written(lowered)), await run(path))).toBeLessThanOrEqual(loweredWithin(name))
  })
})

describe('what other tools wrote', () => {
  it('covers operator sets 10 to 23 and what is quantised, fused and in functions', () => {
    expect(files.length).toBeGreaterThanOrEqual(35)
  })

  it('has sizes that are known where the file names them', async () => {
    const { inputs, outputs } = await readOnnx(join(folder, 'optimum-deberta-v2.onnx'))
    expect(inputs.map(({ name, dtype, shape }) => [name, dtype, ...shape])).toEqual([
      ['input_ids', 'int64', 'batch_size', 'sequence_length'],
      ['attention_mask', 'int64', 'batch_size', 'sequence_length'],
    ])
    expect(outputs).toEqual([{ name: 'last_hidden_state', dtype: 'float32', shape: ['batch_size', 'sequence_length', 16] }])
  })
})
