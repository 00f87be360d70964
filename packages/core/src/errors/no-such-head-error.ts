import { TenonError } from './tenon-error.js'

/** The family, or the checkpoint, has no such head. */
export class NoSuchHeadError extends TenonError {
  constructor({ family, head, available }: { family: string; head: string; available: readonly string[] }) {
    super({ code: 'TENON_NO_SUCH_HEAD', message: `The model '${family}' has no head '${String(head)}'`, remedy: `Choose one of: ${available.join(', ')}` })
  }
}
