/** A digest of the package's sources, put in its place when the package is built. */
declare const TENON_REVISION: string | undefined

/**
 * By which code graphs are made: another text for each build of `@tenon/graph`, and of a package on top of it; `undefined` where one
 * of them runs from its sources, which may change between any two runs. What is kept of a graph is kept under it.
 * @param own The same of the package on top.
 * @example
 * const build = Object.assign(async (checkpoint, options) => ({ model: ... }), { revision: revisionOf('my-family 1.2.0') })
 */
export function revisionOf(own: string | undefined): string | undefined {
  const graph = typeof TENON_REVISION === 'string' ? TENON_REVISION : undefined
  return own === undefined || graph === undefined ? undefined : `${own} ${graph}`
}
