import { TenonError } from './tenon-error.js'

/** A file that is needed is absent. */
export class MissingFileError extends TenonError {
  readonly path: string

  constructor({ path, purpose, remedy, cause }: { path: string; purpose?: string; remedy?: string; cause?: unknown }) {
    super({ code: 'TENON_MISSING_FILE', message: `${path} does not exist${purpose === undefined ? '' : `, and ${purpose}`}`, remedy: remedy ?? 'Check the path', cause })
    this.path = path
  }
}
