import { TenonError } from '@tenon/core'

/** A file cannot be read as a document. While folders are added it becomes the reason in the report. */
export class UnreadableError extends TenonError {
  /** In few words, as the report of `add` says it. */
  readonly reason: string

  constructor({ source, reason, remedy, cause }: { source: string; reason: string; remedy: string; cause?: unknown }) {
    super({ code: 'TENON_UNREADABLE', message: `${source} ${reason}`, remedy, cause })
    this.reason = reason
  }
}
