import { readFile } from 'node:fs/promises'
import { InvalidFileError, ShapeMismatchError } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { llama } from './llama.js'
import { rotaryIn, tableOf, type Rotary } from './rotary.js'
import { altered, checkpointOf, fixturesOf, folderOf, open } from './test-support.js'

interface Case {
  readonly name: string
  readonly size: number
  readonly config: Readonly<Record<string, unknown>>
  readonly frequencies: readonly number[]
  readonly scale: number
  readonly cosines: readonly number[]
  readonly sines: readonly number[]
}

const { positions, cases } = JSON.parse(await readFile(new URL('../fixtures/rotary.json', import.meta.url), 'utf8')) as { readonly positions: readonly number[]; readonly cases: readonly Case[] }

const rotaryOf = (config: Readonly<Record<string, unknown>>, size = 64): Rotary => rotaryIn(checkpointOf({ max_position_embeddings: 4096, ...config }), { size })

/** A float32 that is off by its last bit, or the one before it. */
const LAST_BITS = 2.5e-7

describe('rotary positions', () => {
  it.each(cases.map((each) => [each.name, each] as const))('turn by the frequencies of transformers, but for the last bits: %s', (_, { config, size, frequencies, scale }) => {
    const rotary = rotaryIn(checkpointOf(config), { size })
    expect(rotary.scale).toBeCloseTo(scale, 14)
    expect(rotary.frequencies).toHaveLength(frequencies.length)
    const away = frequencies.map((frequency, pair) => Math.abs(rotary.frequencies[pair]! / frequency - 1))
    expect(Math.max(...away)).toBeLessThan(LAST_BITS)
  })

  it.each(cases.map((each) => [each.name, each] as const))('have the cosines and sines of transformers up to position 40,959: %s', (_, { config, size, frequencies, cosines, sines }) => {
    const rotary = rotaryIn(checkpointOf(config), { size })
    const pairs = size / 2
    // A frequency that is off by its last bit is off by a thousandth of a turn at position 30,000: in the power function of PyTorch as here.
    const isSame = frequencies.map((frequency, pair) => rotary.frequencies[pair] === Math.fround(frequency))
    expect(isSame.filter((same) => same).length / pairs).toBeGreaterThan(0.9)
    const tables = tableOf({ ...rotary, positions: 40_960 })
    for (const [table, expected] of [[tables.cosines, cosines], [tables.sines, sines]] as const) {
      const away = positions.flatMap((position, row) => Array.from({ length: pairs }, (_, pair) => (isSame[pair] ? Math.abs(table[position * pairs + pair]! - expected[row * pairs + pair]!) : 0)))
      expect(Math.max(...away)).toBeLessThan(3e-7)
    }
  })

  it('keep their precision over 131,072 positions', () => {
    const frequencies = rotaryOf({}, 32).frequencies
    const { cosines, sines } = tableOf({ positions: 131_072, frequencies, scale: 1 })
    for (const position of [65_536, 100_003, 131_071]) {
      for (const [pair, frequency] of frequencies.entries()) {
        const angle = Math.fround(position * frequency)
        expect(Math.hypot(cosines[position * 16 + pair]! - Math.cos(angle), sines[position * 16 + pair]! - Math.sin(angle))).toBeLessThan(1e-7)
      }
    }
  })

  it.each([
    ['the length trained on, stretched', { rope_scaling: { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 32_768 }, max_position_embeddings: 32_768 }, 131_072],
    ['what the config says, where that is more', { rope_scaling: { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 8192 }, max_position_embeddings: 65_536 }, 65_536],
    ['what dynamic scaling is meant for', { rope_scaling: { type: 'dynamic', factor: 4 }, max_position_embeddings: 2048 }, 8192],
    ['what the config says of linear scaling', { rope_scaling: { type: 'linear', factor: 4 }, max_position_embeddings: 16_384 }, 16_384],
    ['what the config says of Llama 3', { rope_scaling: { rope_type: 'llama3', factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 }, max_position_embeddings: 131_072 }, 131_072],
  ])('have as many as the context is long: %s', (_, config, length) => {
    expect(rotaryOf(config).positions).toBe(length)
  })

  it('take rope_scaling before rope_parameters, and rope_type before type, as transformers does', () => {
    const linear = { rope_type: 'linear', factor: 2 }
    const of = (config: Readonly<Record<string, unknown>>) => rotaryOf(config).frequencies
    expect(of({ rope_scaling: linear, rope_parameters: { rope_type: 'linear', factor: 8 } })).toEqual(of({ rope_parameters: linear }))
    expect(of({ rope_scaling: {}, rope_parameters: linear })).toEqual(of({ rope_parameters: linear }))
    expect(of({ rope_scaling: null, rope_parameters: linear })).toEqual(of({ rope_parameters: linear }))
    expect(of({ rope_scaling: { ...linear, type: 'dynamic' } })).toEqual(of({ rope_parameters: linear }))
  })

  it.each([
    ['a type that is not built', { rope_scaling: { rope_type: 'longrope', factor: 4 } }, 'turns positions by the type "longrope". Built are: default, linear, dynamic, yarn, llama3'],
    ['an older name of it', { rope_scaling: { type: 'su', factor: 4 } }, 'turns positions by the type "su"'],
    ['a name that every object has', { rope_scaling: { type: 'constructor' } }, 'turns positions by the type "constructor"'],
    ['a factor that is missing', { rope_scaling: { type: 'linear' } }, "gives no 'factor' to turn positions by"],
    ['a factor in quotes', { rope_scaling: { type: 'dynamic', factor: '4' } }, `gives "4" 'factor'`],
    ['a factor below 0', { rope_scaling: { type: 'linear', factor: -1 } }, "gives -1 'factor'"],
    ['a theta of nothing', { rope_theta: 0 }, "gives 0 'rope_theta'"],
    ['a Llama 3 without its bands', { rope_scaling: { rope_type: 'llama3', factor: 8, original_max_position_embeddings: 8192 } }, "gives no 'low_freq_factor'"],
    ['parameters by kind of layer', { rope_parameters: { full_attention: { rope_type: 'default' } } }, "has 'full_attention' among its 'rope_parameters'"],
    ['parameters in a list', { rope_parameters: [1] }, "gives 'rope_parameters' as [1]"],
    ['parameters of text', { rope_scaling: 'yarn' }, `gives 'rope_scaling' as "yarn"`],
    ['heads turned in part', { partial_rotary_factor: 0.5 }, "turns a part of each head: its 'partial_rotary_factor' is 0.5"],
    ['heads turned in part, by the parameters', { rope_parameters: { partial_rotary_factor: 0.25 } }, "its 'partial_rotary_factor' is 0.25"],
    ['no positions', { max_position_embeddings: 0 }, "gives 0 'max_position_embeddings'"],
  ])('are refused with %s', (_, config, message) => {
    const refused = () => rotaryOf(config)
    expect(refused).toThrow(InvalidFileError)
    expect(refused).toThrow(message)
  })

  it('are refused for heads that have no pairs', () => {
    expect(() => rotaryOf({}, 7)).toThrow(ShapeMismatchError)
    expect(() => rotaryOf({ rope_scaling: { type: 'dynamic', factor: 2 } }, 2)).toThrow(ShapeMismatchError)
  })
})

describe('tables of angles', () => {
  async function tablesOf(config: Readonly<Record<string, unknown>>) {
    const checkpoint = altered(await open(await folderOf(fixturesOf('llama')('base', 'causal-lm'))), config)
    const { decoder } = await llama().build(checkpoint, { head: 'causal-lm' })
    return ['rotary.cosines', 'rotary.sines'].map((name) => decoder!.constants.get(name)!)
  }

  it('can be cut to the positions that are ever reached, and are the beginning of the whole', async () => {
    for (const table of await tablesOf({ max_position_embeddings: 1000 })) {
      const part = table.upTo!(300)
      expect(part.shape).toEqual([300, table.shape[1]])
      expect(await part.bytes()).toEqual((await table.bytes()).subarray(0, part.byteLength))
      expect([table.upTo!(300), table.upTo!(1000), table.upTo!(5000)]).toEqual([part, table, table])
      expect(table.upTo!(300)).toBe(part)
    }
  })

  it('are kept from start to start where they are short, which the length of a cut one would be part of', async () => {
    const [short, long] = [(await tablesOf({ max_position_embeddings: 131_072 }))[0]!, (await tablesOf({ max_position_embeddings: 8 * 2 ** 20 }))[0]!]
    expect(short.origin).toBeDefined()
    expect(long.byteLength).toBeGreaterThan(2 ** 25)
    expect([long.origin, long.upTo!(2 ** 21).origin]).toEqual([undefined, undefined])
    expect(long.upTo!(4096).origin).toBeDefined()
  })

  it('are refused where they are longer than memory, unless they are cut', async () => {
    const [cosines] = await tablesOf({ max_position_embeddings: 2 ** 31 - 1 })
    await expect(cosines!.bytes()).rejects.toThrow("gives 2147483647 'max_position_embeddings', for whose angles there is no room")
    expect(await cosines!.upTo!(8).bytes()).toHaveLength(8 * cosines!.shape[1]! * 4)
  })
})
