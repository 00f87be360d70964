import { rmSync } from 'node:fs'
import { mkdtemp, open, rm, type FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { BackendError } from '@tenon/core'

/** A cache line: as far apart as vector kernels can profit from. */
const alignment = 64

/** Folders to delete if the process ends before their owners do it. */
const live = new Set<string>()
let watching = false

function watchExit(): void {
  if (watching) return
  watching = true
  process.on('exit', () => {
    for (const folder of live) rmSync(folder, { recursive: true, force: true })
  })
}

/**
 * A temporary file for weights that are computed: ONNX Runtime maps it, so that no more than two weights at a time are
 * in JavaScript's memory. Passing them from memory instead keeps every weight twice while the session is made.
 */
export class SpillFile {
  /** @throws BackendError when nothing can be written there. */
  static async create(folder = tmpdir()): Promise<SpillFile> {
    try {
      const path = join(await mkdtemp(join(folder, 'tenon-')), 'weights')
      const spill = new SpillFile(path, await open(path, 'wx', 0o600))
      live.add(dirname(path))
      watchExit()
      return spill
    } catch (error) {
      throw spillError(folder, error)
    }
  }

  readonly path: string
  readonly #file: FileHandle
  #end = 0
  #open = true
  #writing: Promise<void> = Promise.resolve()

  private constructor(path: string, file: FileHandle) {
    this.path = path
    this.#file = file
  }

  /** Begins to write a weight and returns its offset. The next one can be computed meanwhile. */
  async append(bytes: Uint8Array): Promise<number> {
    await this.#writing
    const offset = Math.ceil(this.#end / alignment) * alignment
    this.#end = offset + bytes.byteLength
    this.#writing = this.#write(bytes, offset)
    this.#writing.catch(() => {}) // whoever calls next hears of it
    return offset
  }

  async #write(bytes: Uint8Array, offset: number): Promise<void> {
    try {
      for (let done = 0; done < bytes.byteLength; ) {
        const { bytesWritten } = await this.#file.write(bytes, done, bytes.byteLength - done, offset + done)
        done += bytesWritten
      }
    } catch (error) {
      throw spillError(dirname(this.path), error)
    }
  }

  /** @throws BackendError when the last weight could not be written. */
  async close(): Promise<void> {
    if (!this.#open) return
    this.#open = false
    try {
      await this.#writing
    } finally {
      await this.#file.close()
    }
  }

  /** What is mapped stays readable on POSIX systems. Where it cannot be deleted yet (Windows), the end of the process does it. */
  async delete(): Promise<void> {
    const folder = dirname(this.path)
    try {
      await this.close().catch(() => {}) // what failed was thrown where it mattered
      await rm(folder, { recursive: true, force: true })
      live.delete(folder)
    } catch {
      // Tried again on exit.
    }
  }
}

function spillError(folder: string, cause: unknown): BackendError {
  return new BackendError({
    backend: 'onnx',
    doing: 'writing computed weights to a temporary file',
    problem: cause instanceof Error ? cause.message : String(cause),
    remedy: `Make room in ${folder}, or pass temporaryFolder to onnx()`,
    cause,
  })
}
