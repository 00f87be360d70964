import { createRequire } from 'node:module'
import { join } from 'node:path'

import type { Koffi } from './api.js'

/** What a thread has on Linux. */
const stackSize = 8 * 2 ** 20

/**
 * koffi, which runs native code on stacks of its own: 128 KiB for asynchronous calls unless told. ONNX Runtime needs more than
 * half of that on the CPU, and overflows it now and then while CUDA starts (docs/decisions/0003).
 * @throws Error when koffi is not installed, or too late to be told.
 */
export async function loadKoffi(): Promise<Koffi> {
  const koffi: Koffi = required() ?? (await import('koffi'))
  const { sync_stack_size: sync = 0, async_stack_size: async = 0 } = koffi.config()
  if (sync >= stackSize && async >= stackSize) return koffi
  try {
    koffi.config({ sync_stack_size: Math.max(sync, stackSize), async_stack_size: Math.max(async, stackSize) })
    return koffi
  } catch (error) {
    throw new Error(`something else in this process has loaded a library with koffi before, and koffi's stacks of ${async / 1024} KiB, too small for ONNX Runtime, can be enlarged only before that: await the backend's probe() first`, { cause: error })
  }
}

/** Of a CommonJS package, Node.js looks through the source once more before it imports it, turn after turn of the event loop. */
function required(): Koffi | undefined {
  try {
    // A bundle in CommonJS has no import.meta.url: the package is then looked for from the program that was started.
    return createRequire(import.meta.url ?? process.argv[1] ?? join(process.cwd(), 'here'))('koffi') as Koffi
  } catch {
    return undefined // imported, it is found from the bundle, or tells what is missing
  }
}
