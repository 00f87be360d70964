import { createRequire } from 'node:module'

/** What tfjs-node 4.22 calls of `node:util`, and Node 23 took out of it. */
const old: Readonly<Record<string, (value: unknown) => boolean>> = {
  isArray: Array.isArray,
  isNullOrUndefined: (value) => value === null || value === undefined,
}

/** Puts back the functions that are gone; returns their names. */
export function restoreOldUtilities(utilities: Record<string, unknown> = createRequire(import.meta.url)('node:util') as Record<string, unknown>): readonly string[] {
  const missing = Object.keys(old).filter((name) => typeof utilities[name] !== 'function')
  for (const name of missing) utilities[name] = old[name]
  return missing
}
