import { createHash } from 'node:crypto'
import { open, realpath } from 'node:fs/promises'
import { basename, dirname } from 'node:path'

const SAMPLES = 16
const SAMPLE_BYTES = 4096

/**
 * What tells a file of weights from any other, without reading it all: the hash by which the hub's cache names it, or else its place,
 * size and times, and samples of what it holds. Files from archives often have one time for all of them.
 */
export async function fileIdentity(path: string): Promise<readonly (string | number)[]> {
  const real = await realpath(path)
  const file = await open(real, 'r')
  try {
    const { size, mtimeMs, ctimeMs } = await file.stat()
    if (/^[0-9a-f]{64}$/.test(basename(real)) && basename(dirname(real)) === 'blobs') return [basename(real), size]
    const hash = createHash('sha256')
    const samples = Array.from({ length: SAMPLES }, (_, index) => file.read(Buffer.alloc(SAMPLE_BYTES), 0, SAMPLE_BYTES, Math.floor((Math.max(0, size - SAMPLE_BYTES) * index) / (SAMPLES - 1))))
    for (const { buffer, bytesRead } of await Promise.all(samples)) hash.update(buffer.subarray(0, bytesRead))
    return [real, size, mtimeMs, ctimeMs, hash.digest('hex')]
  } finally {
    await file.close()
  }
}
