import { statSync } from 'node:fs'

/** What changes whenever a file is written to, or another is put in its place. @throws where there is no file */
export function stampOf(path: string): string {
  const { size, mtimeNs, ctimeNs, ino } = statSync(path, { bigint: true })
  return [size, mtimeNs, ctimeNs, ino].join(' ')
}
