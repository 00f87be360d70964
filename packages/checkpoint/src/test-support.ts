import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

export const fixture = (path: string) => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url))

/** A fresh folder, removed when the test ends. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tenon-checkpoint-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** A safetensors file as bytes, its header given as JSON text or as an object. */
export function safetensorsBytes(
  header: unknown,
  data: Uint8Array = new Uint8Array(),
  claimedLength?: bigint,
): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header))
  const bytes = new Uint8Array(8 + json.byteLength + data.byteLength)
  new DataView(bytes.buffer).setBigUint64(0, claimedLength ?? BigInt(json.byteLength), true)
  bytes.set(json, 8)
  bytes.set(data, 8 + json.byteLength)
  return bytes
}

/** File descriptors this process holds; `undefined` where the system does not list them. */
export async function openDescriptors(): Promise<number | undefined> {
  return process.platform === 'linux' ? (await readdir('/proc/self/fd')).length : undefined
}
