import { TenonError } from './tenon-error.js'

/** A file is not what its name says: truncated, oversized, malformed. Model files are untrusted; none is half read. */
export class InvalidFileError extends TenonError {
  readonly path: string

  constructor({ path, problem, remedy, cause }: { path: string; problem: string; remedy?: string; cause?: unknown }) {
    super({ code: 'TENON_INVALID_FILE', message: `${path} ${problem}`, remedy: remedy ?? 'Fetch the file again, or ask whoever made it', cause })
    this.path = path
  }
}
