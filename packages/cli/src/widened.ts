import type { Constant } from '@tenon/core'

/** Below this nobody waits for it. */
const WORTH_TELLING = 256 * 2 ** 20

/** What to say of weights of 16 bits that are widened at each start; nothing where they are few. */
export function widened(constants: Iterable<Constant>): string | undefined {
  const narrow = Array.from(constants).filter(({ dtype }) => dtype === 'bfloat16' || dtype === 'float16')
  const bytes = narrow.reduce((sum, { byteLength }) => sum + 2 * byteLength, 0)
  if (bytes < WORTH_TELLING) return undefined
  const types = Array.from(new Set(narrow.map(({ dtype }) => dtype))).join(' and ')
  return `The weights are stored in ${types} and are widened to ${(bytes / 1e9).toFixed(1)} GB at each start. With --weights int8 or int4 they are made smaller once and kept: later starts take a fraction of the time, and memory`
}
