import type { Origin } from './constant.js'

/**
 * The origin of what is computed from several constants; `undefined` where that of one of them is not known.
 * @param what What is made of them, as `how` says it before theirs. Kept files are found by this text: another one has all of them made anew.
 */
export function combinedOrigin(what: string, origins: readonly (Origin | undefined)[]): Origin | undefined {
  const known = origins.filter((origin) => origin !== undefined)
  if (known.length < origins.length) return undefined
  return { how: `${what} ${known.map(({ how }) => `(${how})`).join(', ')}`, files: Array.from(new Set(known.flatMap(({ files }) => files))) }
}
