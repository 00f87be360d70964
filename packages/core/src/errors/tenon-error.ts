const marker = Symbol.for('tenon.error')

export interface ErrorDetails {
  readonly code: string
  readonly message: string
  /** What the reader can do about it, as an imperative sentence without a full stop; or a question, with its mark. */
  readonly remedy: string
  readonly cause?: unknown
}

/**
 * Every error Tenon throws on purpose. Recognised by a marker rather than by its class, so that two copies of
 * this package in one program agree.
 */
export class TenonError extends Error {
  readonly code: string
  readonly remedy: string

  constructor({ code, message, remedy, cause }: ErrorDetails) {
    super(`${message}. ${remedy}${remedy.endsWith('?') ? '' : '.'}`, cause === undefined ? undefined : { cause })
    this.name = new.target.name
    this.code = code
    this.remedy = remedy
    Object.defineProperty(this, marker, { value: true })
  }

  static isInstance(error: unknown): error is TenonError {
    return typeof error === 'object' && error !== null && marker in error
  }
}
