import type * as promises from 'node:fs/promises'

/** What the file store needs of a file system. */
export type Files = Pick<typeof promises, 'link' | 'mkdir' | 'open' | 'readFile' | 'readdir' | 'rename' | 'stat' | 'unlink'>
