import { tensor, type Backend, type Graph, type Tensor } from '@tenon/core'
import { GraphBuilder, type Value } from '@tenon/graph'
import { GroupQueryAttention } from '@tenon/graph/ops'
import { lower } from '@tenon/graph/passes'
import { random } from '@tenon/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { onnx } from './onnx.js'
import { supportsNode } from './supported-ops.js'

const backend: Backend<string, object> = onnx() as never

afterAll(() => backend.dispose?.())

interface Case {
  readonly what: string
  readonly batch?: number
  readonly sequence: number
  readonly heads?: number
  readonly kvHeads?: number
  readonly size?: number
  /** Tokens that each text has after the run. */
  readonly lengths?: readonly number[]
  readonly capacity?: number
  readonly packed?: boolean
  readonly rotary?: number
  readonly attributes?: Readonly<Record<string, number>>
}

const POSITIONS = 40

const cases: readonly Case[] = [
  { what: 'whole texts', batch: 2, sequence: 7 },
  { what: 'whole texts of several lengths', batch: 2, sequence: 7, lengths: [5, 7] },
  { what: 'whole texts, turned', batch: 2, sequence: 7, rotary: 16 },
  { what: 'packed projections', sequence: 5, packed: true, rotary: 16 },
  { what: 'a first chunk into a cache', sequence: 5, capacity: 12, rotary: 16 },
  { what: 'a later chunk', sequence: 4, lengths: [9], capacity: 12, rotary: 16 },
  { what: 'a chunk that fills the cache', sequence: 4, lengths: [12], capacity: 12, rotary: 16 },
  { what: 'one token each of texts of several lengths', batch: 3, sequence: 1, lengths: [3, 11, 7], capacity: 12, rotary: 16 },
  { what: 'the first token of all', sequence: 1, lengths: [1], capacity: 12, rotary: 16 },
  { what: 'packed, one token', sequence: 1, lengths: [8], capacity: 12, packed: true, rotary: 16 },
  { what: 'a window', batch: 2, sequence: 9, rotary: 16, attributes: { local_window_size: 3 } },
  { what: 'a window over a cache', sequence: 4, lengths: [11], capacity: 12, attributes: { local_window_size: 3 } },
  { what: 'a window and one token', batch: 2, sequence: 1, lengths: [11, 3], capacity: 12, attributes: { local_window_size: 3 } },
  { what: 'part of a head turned', sequence: 5, size: 32, rotary: 16 },
  { what: 'neighbours turned', sequence: 5, rotary: 16, attributes: { rotary_interleaved: 1 } },
  { what: 'a scale and a soft cap', sequence: 6, attributes: { scale: 0.3, softcap: 2 } },
  { what: 'as many keys as queries', sequence: 5, kvHeads: 4, capacity: 12 },
]

const names = ['query', 'key', 'value', 'past_key', 'past_value', 'seqlens_k', 'total_sequence_length', 'cos_cache', 'sin_cache'] as const

function made({ batch = 1, sequence, heads = 4, kvHeads = 2, size = 16, lengths = Array.from({ length: batch }, () => sequence), capacity, packed = false, rotary = 0, attributes = {} }: Case) {
  const numbers = random(sequence * 7 + batch)
  const floats = (shape: readonly number[]) => tensor('float32', shape, Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 2 * numbers() - 1))
  const cache = () => (capacity === undefined ? undefined : floats([batch, kvHeads, capacity, size]))
  const angles = Float32Array.from({ length: (POSITIONS * rotary) / 2 }, (_, index) => (2 * Math.floor(index / (rotary / 2))) / (1 + 3 * (index % (rotary / 2))))
  const table = (of: (angle: number) => number) => (rotary === 0 ? undefined : tensor('float32', [POSITIONS, rotary / 2], angles.map(of)))
  const inputs = [
    floats([batch, sequence, (packed ? heads + 2 * kvHeads : heads) * size]),
    packed ? undefined : floats([batch, sequence, kvHeads * size]),
    packed ? undefined : floats([batch, sequence, kvHeads * size]),
    cache(),
    cache(),
    tensor('int32', [batch], Int32Array.from(lengths, (length) => length - 1)),
    tensor('int32', [], Int32Array.of(Math.max(...lengths))),
    table(Math.cos),
    table(Math.sin),
  ]
  const builder = new GraphBuilder('attention')
  const values = inputs.map((input, index): Value | undefined => input && builder.input(names[index]!, input.dtype, input.shape))
  const [output, key, value] = builder.emit(GroupQueryAttention, values, { num_heads: heads, kv_num_heads: kvHeads, do_rotary: rotary > 0 ? 1 : 0, ...attributes }, 3) as [Value, Value, Value]
  builder.output('output', output)
  builder.output('present_key', key, values[3])
  builder.output('present_value', value, values[4])
  return { graph: builder.build(), feeds: () => Object.fromEntries(inputs.flatMap((input, index) => (input ? [[names[index]!, { ...input, values: input.values.slice(), data: async () => input.values }]] : []))), lengths, batch, sequence, cached: capacity !== undefined }
}

async function run(graph: Graph, feeds: Readonly<Record<string, Tensor>>): Promise<Record<string, Float32Array>> {
  await using executable = await backend.compile(graph, {}, { emit: () => undefined })
  const outputs = await executable.run(feeds)
  const updated = Array.from(graph.updates ?? [], ([output, input]) => [output, (feeds[input] as Tensor & { values: Float32Array }).values] as const)
  return Object.fromEntries([...(await Promise.all(Object.entries(outputs).map(async ([name, output]) => [name, (await output.data()).slice() as Float32Array] as const))), ...updated])
}

const lowered = (graph: Graph) => lower({ name: 'standard', supports: (node) => !node.op.endsWith('::GroupQueryAttention') && supportsNode(node) }).apply(graph)

describe('GroupQueryAttention', () => {
  for (const each of cases) {
    it(`is what its decomposition says: ${each.what}`, async () => {
      const { graph, feeds, lengths, batch, sequence, cached } = made(each)
      const [kernel, standard] = [await run(graph, feeds()), await run(lowered(graph), feeds())]
      for (const [name, values] of Object.entries(kernel)) {
        // Of texts that are padded behind, what comes of the padding is nobody's.
        const width = values.length / batch / (name === 'output' ? sequence : 1)
        const rows = name === 'output' && !cached ? lengths.map((length) => Math.min(length, sequence)) : lengths.map(() => (name === 'output' ? sequence : 1))
        for (const [text, count] of rows.entries()) {
          const start = text * (values.length / batch)
          const worst = values.subarray(start, start + count * width).reduce((most, value, index) => Math.max(most, Math.abs(value - standard[name]![start + index]!)), 0)
          expect(worst, `${name} of text ${text}`).toBeLessThan(2e-6)
        }
      }
    })
  }

  it('runs with heads that the kernel refuses', async () => {
    const { graph, feeds } = made({ what: '', sequence: 5, size: 4, rotary: 4, capacity: 8 })
    const { output } = await run(graph, feeds())
    expect(output!.every(Number.isFinite)).toBe(true)
  })
})
