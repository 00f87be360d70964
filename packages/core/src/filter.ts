export type MetadataValue = string | number | boolean

/** What is known of a document beside its text. Numbers are finite. */
export type Metadata = Readonly<Record<string, MetadataValue>>

/** Bounds, all of which hold. Strings compare by code points, so that days as `'2024-05-01'` compare as days. */
export interface Range<T extends string | number> {
  readonly gt?: T
  readonly gte?: T
  readonly lt?: T
  readonly lte?: T
}

export type Condition = MetadataValue | { readonly in: readonly MetadataValue[] } | Range<number> | Range<string>

/**
 * Documents for which every condition holds: `{ lang: 'en', year: { gte: 2020 }, team: { in: ['ops', 'web'] } }`. A field
 * that a document lacks, or has as another type, holds for none.
 */
export type Filter = Readonly<Record<string, Condition>>
