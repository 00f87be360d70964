import { revisionOf } from '@tenon/graph'

/** A digest of the package's sources, put in its place when the package is built. */
declare const TENON_REVISION: string | undefined

/** By which code graphs are made ready; `undefined` where it runs from its sources. */
export const revision = (): string | undefined => revisionOf(typeof TENON_REVISION === 'string' ? TENON_REVISION : undefined)
