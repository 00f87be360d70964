import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { TenonError } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../builder.js'
import { Add, MatMul } from '../ops/index.js'
import { foldConstants } from '../passes/index.js'
import { constantOf, noise, temporaryFolder } from '../test-support.js'
import { verify } from '../verify.js'
import { encodeOnnx, readOnnx } from './index.js'

/** How many damaged files are read: a few seconds' worth, or as many as the environment asks for. */
const COUNT = Number(process.env['TENON_MUTATIONS'] ?? 2000)

/** What one damaged file may take at most; the files have 1 to 84 KB. */
const SECONDS = 2
const MEGABYTES = 64

const foreign = (name: string) => new Uint8Array(readFileSync(new URL(`../../fixtures/foreign/${name}.onnx`, import.meta.url)))

/** A weight of its own, another in external data. */
function external(): Uint8Array {
  const builder = new GraphBuilder('external')
  const x = builder.input('x', 'float32', ['batch', 64])
  builder.output('y', Add(MatMul(x, builder.constant(constantOf(noise([64, 40], 1)), 'large')), builder.constant(constantOf(noise([40], 2)), 'bias')))
  return encodeOnnx(builder.build(), { externalData: (name) => (name === 'large' ? { location: 'data', offset: 0, length: 10240 } : undefined) })
}

/** xorshift32, seeded: the same damage every time. */
function generator(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

type Random = (below: number) => number

const concat = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))

/** Weights are most of a file and harmless: half of all places are looked for in the structure at its beginning. */
const place = (bytes: Uint8Array, random: Random) => random(random(2) === 0 ? bytes.length : Math.min(bytes.length, 4000))

const damages: ((bytes: Uint8Array, random: Random, other: Uint8Array) => Uint8Array)[] = [
  (bytes, random) => {
    const damaged = bytes.slice()
    for (let count = 1 + random(4); count > 0; count--) damaged[place(bytes, random)] = random(256)
    return damaged
  },
  (bytes, random) => {
    const damaged = bytes.slice()
    damaged[place(bytes, random)]! ^= 1 << random(8)
    return damaged
  },
  (bytes, random) => bytes.slice(0, random(bytes.length)),
  (bytes, random) => {
    const at = place(bytes, random)
    return concat(bytes.subarray(0, at), bytes.subarray(at + 1 + random(40)))
  },
  (bytes, random) => {
    const at = place(bytes, random)
    const end = Math.min(bytes.length, at + 1 + random(200))
    return concat(bytes.subarray(0, end), bytes.subarray(at, end), bytes.subarray(end))
  },
  // Numbers as large as they get.
  (bytes, random) => {
    const damaged = bytes.slice()
    const at = place(bytes, random)
    return damaged.fill(0xff, at, at + 1 + random(9))
  },
  (bytes, random, other) => {
    const [at, from] = [place(bytes, random), place(other, random)]
    const piece = other.subarray(from, from + random(300))
    return concat(bytes.subarray(0, at), piece, bytes.subarray(at + piece.length))
  },
  // Another name of an operator or value: letters turn into letters.
  (bytes, random) => {
    const damaged = bytes.slice()
    for (let tries = 50; tries > 0; tries--) {
      const at = place(bytes, random)
      if (bytes[at]! < 65 || bytes[at]! > 122) continue
      damaged[at] = 65 + random(58)
      if (random(3) === 0) break
    }
    return damaged
  },
]

describe('readOnnx', () => {
  it(`meets ${COUNT} damaged files with typed errors only, soon, and without taking much memory`, async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'model.onnx')
    await writeFile(join(folder, 'data'), new Uint8Array(10240))
    const bases = [external(), ...['fused', 'fused-dynamic-int8', 'session-t5', 'torchscript-functions', 'torchscript-10', 'q4-gather', 'optimum-deberta-v2'].map(foreign)]
    // Small files are quicker to read: most of the damage is theirs.
    const weighted = bases.flatMap((base) => Array.from({ length: base.length < 30_000 ? 6 : base.length < 50_000 ? 2 : 1 }, () => base))
    const random = generator(20240229)
    const outcomes = { read: 0, refused: 0 }
    let slowest = 0
    let largest = 0
    for (let count = 0; count < COUNT; count++) {
      const base = weighted[random(weighted.length)]!
      const damaged = damages[random(damages.length)]!(base, random, weighted[random(weighted.length)]!)
      await writeFile(path, damaged)
      const [began, before] = [performance.now(), process.memoryUsage()]
      try {
        const graph = verify(await readOnnx(path))
        if (count % 4 > 0) continue
        verify(foldConstants().apply(graph))
        for (const constant of graph.constants.values()) expect((await constant.bytes()).byteLength).toBe(constant.byteLength)
      } catch (error) {
        if (!TenonError.isInstance(error)) throw new Error(`Case ${count} of seed 20240229 throws an error of no type of ours`, { cause: error })
        outcomes.refused++
      } finally {
        const after = process.memoryUsage()
        slowest = Math.max(slowest, performance.now() - began)
        largest = Math.max(largest, after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers)
      }
    }
    outcomes.read = COUNT - outcomes.refused
    expect(slowest / 1000).toBeLessThan(SECONDS)
    expect(largest / 2 ** 20).toBeLessThan(MEGABYTES)
    expect(outcomes.read).toBeGreaterThan(COUNT / 20)
    expect(outcomes.refused).toBeGreaterThan(COUNT / 20)
  }, Math.max(60_000, COUNT * 50))

  it('meets a file cut anywhere with typed errors only', async () => {
    const path = join(await temporaryFolder(), 'model.onnx')
    const bytes = external()
    for (let length = 0; length < bytes.length; length++) {
      await writeFile(path, bytes.subarray(0, length))
      const failure = await readOnnx(path).then((graph) => (graph.nodes.length < 2 || graph.outputs.length === 0 ? undefined : 'read'), (error: unknown) => error)
      expect(failure === undefined || TenonError.isInstance(failure)).toBe(true)
    }
  })
})
