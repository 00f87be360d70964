import { InvalidFileError } from '@tenon/core'

/** The first eight bytes of what Git leaves in the place of a large file it has not fetched: `version https://git-lfs…` */
const beginning = 'version '

/** Whether a file begins as a Git LFS pointer; no JSON and no safetensors header does. */
export const isLfsPointer = (start: Uint8Array | string): boolean =>
  (typeof start === 'string' ? start : new TextDecoder('latin1').decode(start.subarray(0, beginning.length))).startsWith(
    beginning,
  )

export const lfsPointer = (path: string): InvalidFileError =>
  new InvalidFileError({
    path,
    problem: 'is a Git LFS pointer, which stands for a file that was not fetched',
    remedy: 'Fetch the file itself: git lfs pull, in the folder that was cloned',
  })
