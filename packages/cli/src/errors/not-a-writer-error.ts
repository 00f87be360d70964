import { TenonError } from '@tenon/core'

/** A model that reads, such as BERT, was named where one that writes is needed. */
export class NotAWriterError extends TenonError {
  constructor(model: string, cause: unknown) {
    super({ code: 'TENON_NO_SUCH_HEAD', message: `${model} does not write: its family has no head 'causal-lm'`, remedy: 'Name a model that does, such as SmolLM2 or Qwen2.5-Coder; `tenon inspect` says what a model is', cause })
  }
}
