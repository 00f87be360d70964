import { existsSync } from 'node:fs'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { allocate, elementCount, tensor, type HostTensor, type NumericType } from '@tenon/core'
import { openSafetensors } from '@tenon/checkpoint'

/** A checkpoint, and what the reference implementation computes with it. The README tells how the files are written. */
export interface ModelFixture {
  readonly name: string
  /** The head its numbers are of. */
  readonly head: string
  /** The graph that is run, where a family makes several. Default `'model'`. */
  readonly role?: string
  /** Holds `config.json`, and `model.safetensors` unless `expected` has the weights. */
  readonly folder: string
  /** Holds `expected.json`. Default: `folder`. */
  readonly expected?: string
}

/** A tensor as the fixtures write it; float32 in outputs and int64 in inputs unless told. */
export interface WrittenTensor {
  readonly dtype?: NumericType
  readonly shape: readonly number[]
  readonly data: readonly number[]
}

interface Expected {
  /** A file, or several, the shards of one checkpoint. */
  readonly weights: string | readonly string[]
  readonly inputs: string
  readonly cases: Readonly<Record<string, Readonly<Record<string, WrittenTensor>>>>
}

/** One input of a fixture, and what the reference makes of it. */
export interface ModelCase {
  readonly name: string
  readonly feeds: Readonly<Record<string, HostTensor>>
  readonly outputs: Readonly<Record<string, WrittenTensor>>
}

const json = async (path: string) => JSON.parse(await readFile(path, 'utf8'))

/** Every case of a fixture; of what a case leaves out, a mask is ones and segments are 0, in the shape of `input_ids`. */
export async function modelCases({ folder, expected = folder }: ModelFixture): Promise<readonly ModelCase[]> {
  const { inputs, cases }: Expected = await json(join(expected, 'expected.json'))
  const written: Record<string, Record<string, WrittenTensor>> = await json(join(expected, inputs))
  return Object.entries(cases).map(([name, outputs]) => {
    const feeds = Object.fromEntries(Object.entries(written[name]!).map(([input, each]) => [input, tensorOf(each)]))
    const ids = feeds['input_ids']
    const defaults = ids === undefined ? {} : { attention_mask: filled(ids.shape, 1n), token_type_ids: filled(ids.shape, 0n) }
    return { name, feeds: { ...defaults, ...feeds }, outputs }
  })
}

const filled = (shape: readonly number[], value: bigint) => tensor('int64', shape, new BigInt64Array(elementCount(shape)).fill(value))

function tensorOf({ dtype = 'int64', shape, data }: WrittenTensor): HostTensor {
  const values = allocate(dtype, data.length)
  for (const [index, value] of data.entries()) values[index] = dtype === 'int64' || dtype === 'uint64' ? BigInt(value) : value
  return tensor(dtype, shape, values)
}

/** Makes the fixture a folder of its own: some keep their weights, or a part of them, in another's, and a checkpoint is one folder. */
export async function copyCheckpoint({ folder, expected = folder }: ModelFixture, to: string): Promise<void> {
  await cp(join(folder, 'config.json'), join(to, 'config.json'))
  const own = join(folder, 'model.safetensors')
  const { weights }: Expected = await json(join(expected, 'expected.json'))
  const shards = existsSync(own) && expected !== folder ? [own] : [weights].flat().map((file) => join(expected, file))
  await Promise.all(shards.map((shard, index) => cp(shard, join(to, shards.length === 1 ? 'model.safetensors' : `shard-${index}.safetensors`))))
  if (shards.length > 1) await writeFile(join(to, 'model.safetensors.index.json'), JSON.stringify({ weight_map: await placesIn(shards) }))
}

/** In which shard each tensor lies: the last that has it. */
async function placesIn(shards: readonly string[]): Promise<Record<string, string>> {
  const places: Record<string, string> = {}
  for (const [index, shard] of shards.entries()) {
    await using file = await openSafetensors(shard)
    for (const name of file.tensors.keys()) places[name] = `shard-${index}.safetensors`
  }
  return places
}
