import { BackendError, UnsupportedOpError } from '@tenon/core'

/** A failed `OrtStatus`, before it is known what was being done. */
export class OrtError extends Error {
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message)
    this.name = 'OrtError'
  }
}

/** What to do about each OrtErrorCode; numbered as in the C header. */
const remedies: Readonly<Record<number, string>> = {
  3: 'Check that the weight files still lie where the checkpoint was opened',
  7: 'The bytes are no ONNX model: verify the graph, or fetch the file again',
  9: 'No kernel takes these types: lower the operator, or cast its inputs',
  10: 'Verify the graph: an operator, its attributes or its input types are not what ONNX asks for',
  11: "Check the device's driver and libraries, or pass devices: ['cpu']",
}

/** What it says of a node whose operator has kernels, and none for these types; nodes are named after what they make. */
const withoutKernel = /Could not find an implementation for (\w+)\(\d+\) node with name '([^']*)'/

/** A device's memory, or what it was limited to, is full. */
const full = /Available memory of \d+ is smaller than requested|Failed to allocate memory|out of memory/

/** Turns what the library said into an error that names the work and a remedy. */
export function backendError(doing: string, error: unknown): BackendError | UnsupportedOpError {
  const problem = error instanceof Error ? error.message : String(error)
  const [, op, node] = withoutKernel.exec(problem) ?? []
  if (op !== undefined && node !== undefined) return new UnsupportedOpError({ op, node, backend: 'onnx', reason: 'ONNX Runtime has no kernel for its types', cause: error })
  const remedy = full.test(problem) ? "Run smaller batches, free the device's memory, or raise its memoryLimit if it has one" : error instanceof OrtError ? remedies[error.code] : undefined
  return new BackendError({
    backend: 'onnx',
    doing,
    problem: problem.replace(/\.\s*$/, ''),
    remedy: remedy ?? "Verify the graph and its weights; ONNX Runtime's message says which node failed",
    cause: error,
  })
}
