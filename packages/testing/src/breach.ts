import { AssertionError } from 'node:assert'

/** What a plugin did, and the sentence of its contract that says otherwise. */
interface Breach {
  /** What is said in @tenon/core, or the specification of ONNX. */
  readonly contract: string
  /** As a sentence without a full stop. */
  readonly did: string
  readonly actual?: unknown
  readonly expected?: unknown
}

/** The error of a plugin that breaks its contract: an AssertionError, so that test runners show what differs side by side. */
export function breach({ contract, did, ...compared }: Breach): AssertionError {
  return new AssertionError({ message: `${did}. The contract: ${contract}.`, ...compared })
}

export function keeps(kept: boolean, broken: Breach): asserts kept {
  if (!kept) throw breach(broken)
}

/** What is thrown may be anything. */
export const worded = (error: unknown): string => (error instanceof Error ? `${'code' in error ? `${String(error.code)}: ` : ''}${error.message}` : String(error))
