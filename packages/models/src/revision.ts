import type { Build } from '@tenon/core'
import { revisionOf } from '@tenon/graph'

/** A digest of the package's sources, put in its place when the package is built. */
declare const TENON_REVISION: string | undefined

/** A function of this package's that builds graphs, with the code that it is as its revision. */
export const revised = (build: Build): Build => Object.assign(build, { revision: revisionOf(typeof TENON_REVISION === 'string' ? TENON_REVISION : undefined) })
