import { join } from 'node:path'
import { InvalidFileError, type Constant } from '@tenon/core'
import type { ModelFiles } from './model-files.js'
import { isRecord } from './json.js'
import { openSafetensors, type SafetensorsFile } from './safetensors.js'

export const safetensorsFile = 'model.safetensors'
export const safetensorsIndex = 'model.safetensors.index.json'

/** What weights need of the files they are among. `path` takes names from untrusted files, and checks them. */
export interface WeightFiles extends ModelFiles {
  json(file: string): Promise<unknown>
}

export interface Weights extends AsyncDisposable {
  readonly constants: ReadonlyMap<string, Constant>
}

/**
 * Opens `model.safetensors`, or the shards that `model.safetensors.index.json` lists.
 * @param file Either of the two.
 * @throws InvalidFileError, MissingFileError
 */
export async function openWeights(file: string, model: WeightFiles, signal?: AbortSignal): Promise<Weights> {
  if (file === safetensorsIndex) return openShards(model, signal)
  await model.ready?.([file])
  const opened = await openSafetensors(await model.path(file), { signal })
  return { constants: opened.tensors, [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose]() }
}

async function openShards(model: WeightFiles, signal: AbortSignal | undefined): Promise<Weights> {
  const fail = (problem: string) => new InvalidFileError({ path: join(model.place, safetensorsIndex), problem })
  const json = await model.json(safetensorsIndex)
  const map = isRecord(json) ? json.weight_map : undefined
  if (!isRecord(map)) throw fail("has no 'weight_map'")
  const places = Object.entries(map).map(([name, file]): [string, string] => {
    if (typeof file === 'string' && file.endsWith('.safetensors')) return [name, file]
    throw fail(`places tensor '${name}' in something that is no .safetensors file`)
  })
  await model.ready?.([...new Set(places.map(([, file]) => file))].filter((file) => model.files.has(file)))

  // Nothing is held open by a shard until a tensor is read, so a failure here leaves nothing to close.
  const shards = new Map<string, SafetensorsFile>()
  const constants = new Map<string, Constant>()
  for (const [name, file] of places) {
    const shard = shards.get(file) ?? (await openSafetensors(await model.path(file), { signal }))
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
