import { isMainThread } from 'node:worker_threads'

import type { Koffi } from './api.js'

const NAME = 'ORT_DISABLE_TELEMETRY'

/**
 * ONNX Runtime 1.30 keeps events of its use, with a number for the machine, in the user's cache folder on Linux, to be sent to its
 * makers; and what sets that up overflows the stack of a process with a long command line. Off, unless the environment says otherwise.
 */
export function withoutTelemetry(koffi?: Koffi): void {
  if (process.env[NAME] !== undefined) return
  process.env[NAME] = '1'
  // The environment of a thread is a copy, which native code does not see.
  if (!isMainThread && koffi !== undefined && process.platform !== 'win32') koffi.load(null).func('setenv', 'int', ['str', 'str', 'int'])(NAME, '1', 0)
}
