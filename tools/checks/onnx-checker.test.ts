import { execFile, spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { inlineConstant } from '../../packages/core/src/index.js'
import { GraphBuilder, scalar } from '../../packages/graph/src/index.js'
import { writeOnnx } from '../../packages/graph/src/onnx/index.js'
import { Add, Cast, Concat, ConstantOfShape, Gelu, LayerNormalization, MatMul, Mul, MultiHeadAttention, Reshape, Shape, Softmax, Split, Transpose } from '../../packages/graph/src/ops/index.js'
import { lower } from '../../packages/graph/src/passes/index.js'
import type { Graph } from '../../packages/core/src/index.js'
import type { OpDefinition } from '../../packages/graph/src/index.js'

const script = fileURLToPath(new URL('../fixtures/onnx_check.py', import.meta.url))
const python = process.env.TENON_PYTHON ?? 'python3'

/** Why ONNX's own checker cannot be asked here. */
const missing = spawnSync(python, ['-c', 'import onnx']).status === 0 ? undefined : `'${python}' cannot import onnx: set TENON_PYTHON to one that can`
if (missing !== undefined) console.warn(`What is written is not checked by ONNX's own checker, since ${missing}`)

interface Verdict {
  readonly path: string
  readonly valid: boolean
  readonly fullCheck: boolean
  readonly error?: string
}

const verdictsOn = (paths: readonly string[]) =>
  new Promise<Verdict[]>((resolve, reject) => {
    execFile(python, [script, ...paths], (error, stdout) => (stdout === '' ? reject(error as Error) : resolve(JSON.parse(stdout) as Verdict[])))
  })

function standard(): Graph {
  const builder = new GraphBuilder('standard')
  const x = builder.input('x', 'float32', ['batch', 'sequence', 64])
  const weight = builder.constant(inlineConstant('float32', [64, 64], new Float32Array(4096)), 'weight')
  const scale = builder.constant(inlineConstant('float32', [64], new Float32Array(64)), 'scale')
  const attended = LayerNormalization(Softmax(Gelu(MatMul(x, weight), { approximate: 'tanh' })), scale, scale)
  const ones = ConstantOfShape(Shape(x), { value: inlineConstant('float32', [1], Float32Array.of(1)) })
  const [half] = builder.emit(Split as unknown as OpDefinition, [Add(attended, ones)], { axis: -1, num_outputs: 2 }, 2)
  builder.output('half', Transpose(half!, { perm: [1, 0, 2] }))
  builder.output('flat', Reshape(x, Concat([Shape(x, { end: 1 }), builder.constant(inlineConstant('int64', [1], BigInt64Array.of(-1n)))], { axis: 0 })))
  builder.output('bits', Cast(Mul(x, scalar(x, 0.5)), { to: 'float16' }))
  builder.output('unchanged', x)
  return builder.build()
}

function fused(): Graph {
  const builder = new GraphBuilder('fused')
  const x = builder.input('x', 'float32', ['batch', 'sequence', 8])
  const mask = builder.input('mask', 'int32', ['batch', 'sequence'])
  builder.output('y', MultiHeadAttention(x, x, x, undefined, mask, undefined, { num_heads: 2, unidirectional: 1 }))
  return builder.build()
}

describe.skipIf(missing !== undefined)(`ONNX's own checker${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tenon-checker-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  it.each([
    ['standard operators and external data', standard(), true],
    ['fused operators', fused(), false],
    ['fused operators, lowered', lower({ name: 'standard', supports: ({ op }) => !op.includes('::') }).apply(fused()), true],
  ])('accepts what is written: %s', async (name, graph, full) => {
    const path = join(folder, `${name}.onnx`)
    await writeOnnx(graph, path)
    const [verdict] = await verdictsOn([path])
    expect(verdict).toMatchObject({ valid: true, fullCheck: full })
  })
})
