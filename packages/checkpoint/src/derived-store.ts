import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { rename, rm, writeFile } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import type { DerivedStore } from '@tenon/core'

/** Bytes of a checksum: a multiple of four, so that numbers behind it stand where they can be looked at. */
const CHECKSUM = 4

/**
 * What is kept in files whose paths begin the same, each with its checksum before it. Read at once: whoever waits for the file system
 * lets longer work of this thread go first.
 * @param base What the paths begin with; a dot and the name follow.
 * @param keeping Whether anything is to be written. Default: it is.
 */
export function derivedStore(base: string, keeping: Promise<boolean> = Promise.resolve(true)): DerivedStore {
  return {
    read(name) {
      try {
        const bytes = readFileSync(`${base}.${name}`)
        return bytes.length >= CHECKSUM && crc32(bytes.subarray(CHECKSUM)) === bytes.readUInt32LE() ? new Uint8Array(bytes.buffer, bytes.byteOffset + CHECKSUM, bytes.length - CHECKSUM) : undefined
      } catch {
        return undefined
      }
    },
    async write(name, bytes) {
      if (!(await keeping)) return
      const checksum = Buffer.alloc(CHECKSUM)
      checksum.writeUInt32LE(crc32(bytes))
      await writeWhole(`${base}.${name}`, Buffer.concat([checksum, bytes])).catch(() => undefined)
    },
  }
}

/** A file that is there whole, or not at all. */
export async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`
  try {
    await writeFile(temporary, content, { mode: 0o600, flag: 'wx' })
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}
