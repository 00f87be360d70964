import type { Metadata } from '@tenon/core'

/** A document from memory. */
export interface Document {
  /** A name for it, given back with answers. Adding the same name again replaces it. */
  readonly source: string
  readonly text: string
  /** The extension of the format it is in, as `'.md'`; else that of `source`, and plain text where it has none. */
  readonly format?: string
  /** Fields of its own, beside those of `add`. */
  readonly metadata?: Metadata
}
