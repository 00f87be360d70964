import type { FileHandle } from 'node:fs/promises'

/** Linux writes at most 2³¹ − 4,096 bytes at a time. */
const longestWrite = 2 ** 30

/** Writes all the bytes, from `position` on, or where the file is now. */
export async function writeAll(file: FileHandle, bytes: Uint8Array, position?: number): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    const { bytesWritten } = await file.write(bytes, done, Math.min(bytes.byteLength - done, longestWrite), position === undefined ? null : position + done)
    done += bytesWritten
  }
}
