import { BackendError } from '@tenon/core'

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
  9: 'No kernel takes these types: lower the operator, or cast its inputs (bfloat16 has hardly any CPU kernel)',
  10: 'Verify the graph: an operator, its attributes or its input types are not what ONNX asks for',
  11: "Check the device's driver and libraries, or pass devices: ['cpu']",
}

/** Turns what the library said into an error that names the work and a remedy. */
export function backendError(doing: string, error: unknown): BackendError {
  const problem = error instanceof Error ? error.message : String(error)
  const remedy = error instanceof OrtError ? remedies[error.code] : undefined
  return new BackendError({
    backend: 'onnx',
    doing,
    problem: problem.replace(/\.\s*$/, ''),
    remedy: remedy ?? "Verify the graph and its weights; ONNX Runtime's message says which node failed",
    cause: error,
  })
}
