import type { Koffi, Pointer } from './api.js'

/** RTLD_LAZY | RTLD_NODELETE of <dlfcn.h>. */
const flags: Partial<Record<NodeJS.Platform, number>> = { linux: 0x1001, darwin: 0x81 }

/**
 * Loads the library at `path` on another thread and so that nothing unloads it, not even the end of the worker thread that asked:
 * its own threads go on in the process. It also keeps the moment short in which koffi aborts the process when the thread that
 * calls it is being terminated. A library that cannot be loaded shows when it is bound. Windows has no such call.
 */
export async function loadForGood(koffi: Koffi, path: string): Promise<void> {
  const flag = flags[process.platform]
  if (flag === undefined) return
  const open = koffi.load(null).func('dlopen', 'void *', ['str', 'int'])
  await new Promise<void>((resolve, reject) => {
    open.async(path, flag, (error: Error | null, _handle: Pointer | null) => (error ? reject(error) : resolve()))
  })
}
