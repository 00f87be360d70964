import { basename } from 'node:path'
import type { Constant, Origin } from '@tenon/core'

/** By what a constant's bytes can be known again: where they lie, or what they are computed from; `undefined` where neither is told. */
export function sourceOf({ dtype, file, stored, origin }: Constant): Origin | undefined {
  if (file !== undefined) return { how: `${dtype} at ${file.offset} in ${basename(file.path)}`, files: [file.path] }
  return origin ?? (stored && sourceOf(stored))
}
