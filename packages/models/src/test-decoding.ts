import { readFile } from 'node:fs/promises'
import { elementCount, tensor, type Executable, type Graph, type Model } from '@tenon/core'
import { verify } from '@tenon/graph'
import { lower } from '@tenon/graph/passes'
import { testModel } from '@tenon/testing'
import { onnx } from '@tenon/backend-onnx'
import { afterAll, describe, expect, it } from 'vitest'
import { backend } from './test-conformance.js'
import { asPublished, casesOf, compile, fixturesOf, folderOf, foldersOf, open, tolerance, type Fixture } from './test-support.js'

/** Runs the graph `decoder` over a cache of its own, in which each text has a slot. */
export class Decoding {
  readonly #cache: Readonly<Record<string, { readonly shape: readonly number[]; readonly values: Float32Array }>>
  readonly #lengths: Int32Array

  constructor(readonly executable: Executable, readonly slots: number, readonly capacity: number) {
    const caches = executable.inputs.filter(({ name }) => name.startsWith('past_key_values.'))
    // What nobody has written yet must not count.
    this.#cache = Object.fromEntries(caches.map(({ name, shape }) => {
      const each = [shape[1], capacity, shape[3]] as number[]
      return [name, { shape: each, values: new Float32Array(slots * elementCount(each)).fill(7) }]
    }))
    this.#lengths = new Int32Array(slots)
  }

  /** The logits after each token of a chunk of one text: [chunk][vocabulary] */
  async read(slot: number, ids: readonly number[], scored = ids.map((_, index) => index)): Promise<readonly Float32Array[]> {
    return this.#run([slot, slot + 1], ids, scored)
  }

  /** The logits after the next token of every text, of which the first `ids.length` take part: [texts][vocabulary] */
  async step(ids: readonly number[]): Promise<readonly Float32Array[]> {
    return this.#run([0, ids.length], ids, [0])
  }

  async #run([from, to]: readonly [number, number], ids: readonly number[], scored: readonly number[]): Promise<readonly Float32Array[]> {
    const texts = to - from
    const sequence = ids.length / texts
    for (let slot = from; slot < to; slot++) this.#lengths[slot]! += sequence
    const caches = Object.entries(this.#cache).map(([name, { shape, values }]) => {
      const size = elementCount(shape)
      return [name, tensor('float32', [texts, ...shape], values.subarray(from * size, to * size))] as const
    })
    const feeds = {
      input_ids: tensor('int64', [texts, sequence], BigInt64Array.from(ids, BigInt)),
      lengths: tensor('int32', [texts], this.#lengths.slice(from, to)),
      logit_positions: tensor('int64', [scored.length], BigInt64Array.from(scored, BigInt)),
      ...Object.fromEntries(caches),
    }
    const { logits } = await this.executable.run(Object.fromEntries(this.executable.inputs.map(({ name }) => [name, feeds[name as keyof typeof feeds]])))
    using result = logits!
    const values = (await result.data()) as Float32Array
    const width = result.shape.at(-1)!
    return Array.from({ length: values.length / width }, (_, row) => values.slice(row * width, (row + 1) * width))
  }
}

const best = (logits: Float32Array): number => logits.reduce((most, value, index) => (value > logits[most]! ? index : most), 0)

/** The largest difference, infinite where there is no number. */
export const rowsApart = (actual: readonly Float32Array[], expected: readonly ArrayLike<number>[]): number =>
  actual.length !== expected.length ? Infinity : Math.max(...actual.map((row, at) => row.reduce((worst, value, index) => Math.max(worst, Number.isFinite(value) ? Math.abs(value - expected[at]![index]!) : Infinity), 0)))

interface Reference {
  readonly ids: readonly number[]
  readonly logits: readonly Float32Array[]
}

/** What PyTorch computes for each text of a fixture, one by one. */
export async function references(of: Fixture): Promise<readonly Reference[]> {
  const cases = await casesOf(of)
  return cases.flatMap(({ feeds, outputs }) => {
    const { shape: [texts, length], values } = feeds['input_ids']! as { readonly shape: readonly number[]; readonly values: BigInt64Array }
    const { shape, data } = outputs['logits']!
    const width = shape.at(-1)!
    return Array.from({ length: texts! }, (_, text) => ({
      ids: Array.from(values.subarray(text * length!, (text + 1) * length!), Number),
      logits: Array.from({ length: length! }, (_, place) => Float32Array.from(data.slice((text * length! + place) * width, (text * length! + place + 1) * width))),
    }))
  })
}

interface Greedy {
  readonly texts: readonly { readonly prompt: readonly number[]; readonly continuation: readonly number[] }[]
}

const greedyOf = async (of: Fixture): Promise<Greedy> => JSON.parse(await readFile(`${asPublished(of).folder}/greedy.json`, 'utf8'))

/** The graphs of a fixture, for the length of a test. */
export async function graphsOf(family: Model, of: Fixture): Promise<{ readonly model: Graph; readonly decoder: Graph }> {
  const { model, decoder } = await family.build(await open(await folderOf(of)), { head: 'causal-lm' })
  return { model: verify(model!), decoder: verify(decoder!) }
}

const chunksOf = (ids: readonly number[], size: number) => Array.from({ length: Math.ceil(ids.length / size) }, (_, index) => ids.slice(index * size, (index + 1) * size))

/** What a decoder's fixtures differ in, to the tests. */
interface Expectations {
  /** Fixtures whose angles depend on the length of the text: chunks are not what the whole is. */
  readonly growing?: readonly string[]
}

/** Declares the tests that every family of decoders passes. */
export function describeDecoder(family: Model, { growing = [] }: Expectations = {}): void {
  afterAll(() => backend.dispose?.())
  const of = (name: string) => fixturesOf(family.name)(name, 'causal-lm')

  describe(`decoders: ${family.name}`, async () => {
    const fixtures = (await foldersOf(family.name)).map(of)

    testModel({ describe, it, afterAll }, { create: () => family, backend: () => onnx({ threads: 1 }), fixtures: fixtures.map(asPublished) })

    it('builds one graph for prefill and decoding', async () => {
      const graphs = await family.build(await open(await folderOf(of('base'))), { head: 'causal-lm' })
      expect(Object.keys(graphs)).toEqual(['model', 'decoder', 'prefill'])
      expect(graphs['prefill']).toBe(graphs['decoder'])
    })

    it('gives texts that are padded behind the logits that they have alone', async () => {
      const texts = await references(of('base'))
      const width = Math.max(...texts.map(({ ids }) => ids.length))
      const padded = (row: (ids: readonly number[]) => readonly number[]) => tensor('int64', [texts.length, width], BigInt64Array.from(texts.flatMap(({ ids }) => row(ids)), BigInt))
      const behind = (ids: readonly number[], filler: number) => Array.from({ length: width - ids.length }, () => filler)
      const executable = await compile(backend, (await graphsOf(family, of('base'))).model)
      const outputs = await executable.run({ input_ids: padded((ids) => [...ids, ...behind(ids, 0)]), attention_mask: padded((ids) => [...ids.map(() => 1), ...behind(ids, 0)]) })
      using logits = outputs['logits']!
      const values = (await logits.data()) as Float32Array
      const size = logits.shape[2]!
      for (const [text, { ids, logits: expected }] of texts.entries()) {
        const rows = ids.map((_, place) => values.slice((text * width + place) * size, (text * width + place + 1) * size))
        expect(rowsApart(rows, expected)).toBeLessThan(tolerance.float32)
      }
    })

    it.each(fixtures.map((each) => [each.name, each] as const))('reads a text at once, in chunks and token by token, with the same logits: %s', async (name, fixture) => {
      const executable = await compile(backend, (await graphsOf(family, fixture)).decoder)
      for (const { ids, logits } of await references(fixture)) {
        for (const size of growing.includes(name) ? [ids.length] : [ids.length, 7, 4, 1]) {
          const decoding = new Decoding(executable, 2, 32)
          const rows: Float32Array[] = []
          for (const chunk of chunksOf(ids, size)) rows.push(...(await decoding.read(1, chunk)))
          expect(rowsApart(rows, logits), `in chunks of ${size}`).toBeLessThan(tolerance.float32)
        }
      }
    })

    it('reads them so in standard operators too', async () => {
      const standard = lower({ name: 'standard operators only', supports: ({ op }) => !op.includes('::') })
      const executable = await compile(backend, verify(standard.apply((await graphsOf(family, of('base'))).decoder)))
      const { ids, logits } = (await references(of('base'))).at(-1)!
      const decoding = new Decoding(executable, 1, 32)
      const rows: Float32Array[] = []
      for (const chunk of chunksOf(ids, 5)) rows.push(...(await decoding.read(0, chunk)))
      expect(rowsApart(rows, logits)).toBeLessThan(tolerance.float32)
    })

    it.each(fixtures.filter(({ name }) => !name.startsWith('stored') && name !== 'fused').map((each) => [each.name, each] as const))('continues greedily as PyTorch does, 64 tokens, alone and in a batch of different lengths: %s', async (_, fixture) => {
      const { texts } = await greedyOf(fixture)
      const executable = await compile(backend, (await graphsOf(family, fixture)).decoder)
      expect(texts.map(({ continuation }) => continuation.length)).toEqual(texts.map(() => 64))
      const together = new Decoding(executable, texts.length, 96)
      const made: number[][] = []
      for (const [slot, { prompt }] of texts.entries()) made.push([best((await together.read(slot, prompt, [prompt.length - 1]))[0]!)])
      while (made[0]!.length < 64) for (const [slot, logits] of (await together.step(made.map((tokens) => tokens.at(-1)!))).entries()) made[slot]!.push(best(logits))
      expect(made).toEqual(texts.map(({ continuation }) => continuation))

      const alone = new Decoding(executable, 1, 96)
      const { prompt, continuation } = texts[1]!
      const tokens = [best((await alone.read(0, prompt)).at(-1)!)]
      while (tokens.length < 64) tokens.push(best((await alone.step(tokens.slice(-1)))[0]!))
      expect(tokens).toEqual(continuation)
    })
  })
}
