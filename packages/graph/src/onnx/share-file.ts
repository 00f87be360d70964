import { constants } from 'node:fs'
import { copyFile, link, open, rm, type FileHandle } from 'node:fs/promises'
import { InvalidFileError, throwIfAborted, type Emit } from '@tenon/core'
import { writeAll } from './write-all.js'

/**
 * How a file came to stand where it is. A clone shares the blocks of its source until one of the two is written to; a
 * linked file is its source by another name, and whoever writes into the one changes the other.
 */
export type Origin = 'written' | 'cloned' | 'linked' | 'copied'

export interface ShareOptions {
  readonly emit?: Emit | undefined
  readonly signal?: AbortSignal | undefined
}

/** Makes a second file of the same bytes, at the least cost that the file system offers. `from` is canonical, since the link of a link is a link. */
export async function shareFile(from: string, to: string, options: ShareOptions): Promise<Origin> {
  const ways: readonly (readonly [Origin, () => Promise<void>])[] = [
    ['cloned', () => copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE)],
    ['linked', () => link(from, to)],
  ]
  for (const [origin, attempt] of ways) {
    try {
      await attempt()
      return origin
    } catch {
      await rm(to, { force: true }) // this file system, or these two, cannot do so
    }
  }
  await copy(from, to, options)
  return 'copied'
}

/** Bytes at a time: enough for a disk to work at its full speed. */
const CHUNK = 8 * 2 ** 20

/** In pieces, unlike `copyFile`, which neither tells how far it is nor can be stopped. */
async function copy(from: string, to: string, options: ShareOptions): Promise<void> {
  const source = await open(from)
  try {
    const target = await open(to, 'wx')
    try {
      await copyBytes(from, source, target, options)
      await target.sync()
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
  }
}

async function copyBytes(path: string, source: FileHandle, target: FileHandle, { emit, signal }: ShareOptions): Promise<void> {
  const { size: total } = await source.stat()
  const buffer = Buffer.allocUnsafeSlow(Math.min(CHUNK, total))
  for (let done = 0; done < total; ) {
    throwIfAborted(signal)
    const { bytesRead } = await source.read(buffer, 0, buffer.byteLength, done)
    if (bytesRead === 0) throw new InvalidFileError({ path, problem: `shrank while it was copied: it ends at ${done} of ${total} bytes`, remedy: 'Replace model files by renaming, never in place' })
    await writeAll(target, buffer.subarray(0, bytesRead), done)
    done += bytesRead
    emit?.({ type: 'progress', stage: 'copying weights', done, total, unit: 'bytes' })
  }
}
