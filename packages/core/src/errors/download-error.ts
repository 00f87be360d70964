import { TenonError } from './tenon-error.js'

/** A file could not be fetched: no connection, no answer in time, or an answer that is none. */
export class DownloadError extends TenonError {
  readonly url: string

  constructor({ url, problem, remedy, cause }: { url: string; problem: string; remedy: string; cause?: unknown }) {
    super({ code: 'TENON_DOWNLOAD', message: `${url} ${problem}`, remedy, cause })
    this.url = url
  }
}
