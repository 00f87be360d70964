import { TenonError } from '@tenon/core'

/** Nothing among what was to be added could be read. */
export class NoDocumentsError extends TenonError {
  readonly paths: readonly string[]
  readonly extensions: readonly string[]
  /** What was found and why it was not read. */
  readonly skipped: readonly { readonly source: string; readonly reason: string }[]

  constructor({ paths, extensions, skipped }: { paths: readonly string[]; extensions: readonly string[]; skipped: readonly { source: string; reason: string }[] }) {
    const shown = skipped.slice(0, 3).map(({ source, reason }) => `${source} ${reason}`)
    const more = skipped.length > shown.length ? [`${skipped.length - shown.length} more`] : []
    super({
      code: 'TENON_NO_DOCUMENTS',
      message: `No document could be read in ${paths.join(', ') || 'an empty list'}${shown.length === 0 ? '' : ` (${[...shown, ...more].join('; ')})`}`,
      remedy: `Add files that end in ${extensions.join(', ')}, or pass a reader for yours in the option 'readers'`,
    })
    this.paths = paths
    this.extensions = extensions
    this.skipped = skipped
  }
}
