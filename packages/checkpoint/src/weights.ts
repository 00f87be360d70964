import { InvalidFileError, type Constant } from '@tenon/core'
import { isRecord } from './read-text.js'
import { openSafetensors, type SafetensorsFile } from './safetensors.js'

const single = 'model.safetensors'
const index = 'model.safetensors.index.json'

/** What weights need of the folder that holds them. */
export interface WeightFiles {
  has(file: string): boolean
  path(file: string): string
  json(file: string): Promise<unknown>
}

export interface Weights extends AsyncDisposable {
  readonly constants: ReadonlyMap<string, Constant>
}

/**
 * Opens `model.safetensors`, or the shards that `model.safetensors.index.json` lists; `undefined` where neither exists.
 * @throws InvalidFileError, MissingFileError
 */
export async function openWeights(files: WeightFiles, signal?: AbortSignal): Promise<Weights | undefined> {
  if (files.has(single)) {
    const file = await openSafetensors(files.path(single), { signal })
    return { constants: file.tensors, [Symbol.asyncDispose]: () => file[Symbol.asyncDispose]() }
  }
  return files.has(index) ? openShards(files, signal) : undefined
}

async function openShards(files: WeightFiles, signal: AbortSignal | undefined): Promise<Weights> {
  const fail = (problem: string) => new InvalidFileError({ path: files.path(index), problem })
  const json = await files.json(index)
  const map = isRecord(json) ? json.weight_map : undefined
  if (!isRecord(map)) throw fail("has no 'weight_map'")

  // Nothing is held open by a shard until a tensor is read, so a failure here leaves nothing to close.
  const shards = new Map<string, SafetensorsFile>()
  const constants = new Map<string, Constant>()
  for (const [name, file] of Object.entries(map)) {
    if (typeof file !== 'string' || !file.endsWith('.safetensors'))
      throw fail(`places tensor '${name}' in something that is no .safetensors file`)
    const shard = shards.get(file) ?? (await openSafetensors(files.path(file), { signal }))
    shards.set(file, shard)
    const constant = shard.tensors.get(name)
    if (constant === undefined) throw fail(`places tensor '${name}' in ${file}, which does not hold it`)
    constants.set(name, constant)
  }
  return {
    constants,
    async [Symbol.asyncDispose]() {
      await Promise.all([...shards.values()].map((shard) => shard[Symbol.asyncDispose]()))
    },
  }
}
