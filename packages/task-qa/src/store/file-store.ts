import * as promises from 'node:fs/promises'
import { resolve } from 'node:path'
import { checkEmbedder, InvalidOptionError, StoreConflictError, type Store } from '@tenon/core'
import { createCollection } from './collection.js'
import type { Files } from './files.js'
import { stateOf } from './state.js'
import { StoreFolder } from './store-folder.js'

/**
 * Passages in a folder, read into memory when it is opened, so that searches are those of `memoryStore`. A change is there
 * as a whole or not at all, whenever the process or the machine stops. Any number of processes may open the folder, each
 * sees what was there then; when two write, the second gets a `StoreConflictError` and nothing of the first is lost.
 *
 * @example
 * const ask = await runtime.task('knowledge-base', { model, store: fileStore('./kb') })
 * await ask.add('./handbook')   // the next time, only what has changed is embedded
 * @throws InvalidOptionError
 */
export function fileStore(folder: string): Store {
  return createFileStore(folder, promises)
}

export function createFileStore(folder: string, files: Files): Store {
  if (typeof folder !== 'string' || folder === '') throw new InvalidOptionError({ where: 'fileStore()', option: 'folder', problem: 'is no path', remedy: 'Pass the folder that is to hold the store' })
  return {
    kind: 'store',
    version: 'v1',
    name: 'file',
    async open(embedder, { signal } = {}) {
      const disk = new StoreFolder(resolve(folder), files)
      let loaded = await disk.load(signal)
      if (loaded === undefined) {
        const empty = stateOf([], new Map(), 0)
        const first = { generation: 0, dimensions: embedder.dimensions, sample: await embedder.sample() }
        loaded = await disk.commit(first, empty, signal).then(
          (manifest) => ({ manifest, state: empty }),
          (error) => {
            if (error instanceof StoreConflictError) return disk.load(signal) // another process has just made it
            throw error
          },
        )
      }
      if (loaded === undefined) throw new StoreConflictError({ store: folder })
      let { manifest } = loaded
      await checkEmbedder(folder, manifest, embedder)
      return createCollection(manifest.dimensions, loaded.state, async (state, stop) => {
        manifest = await disk.commit(manifest, state, stop)
      })
    },
  }
}
