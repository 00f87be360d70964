import { readFile } from 'node:fs/promises'
import { decodeText } from './decode-text.js'

/** A place as editors count it: both from 1, columns in UTF-16 code units. */
export interface Place {
  readonly line: number
  readonly column: number
}

/** Where an offset is. Lines end as editors end them: LF, CRLF or CR. */
export function placeOf(text: string, offset: number): Place {
  let line = 1
  let start = 0
  for (const { 0: end, index } of text.matchAll(/\r\n|\n|\r/g)) {
    if (index + end.length > offset) break
    line++
    start = index + end.length
  }
  return { line, column: offset - start + 1 }
}

/** Finds places in the files that answers come from, each read once. */
export function createLocator(inMemory: ReadonlyMap<string, string> = new Map()) {
  const texts = new Map<string, Promise<string | undefined>>()

  const textOf = (source: string): Promise<string | undefined> => {
    const known = texts.get(source) ?? (inMemory.has(source) ? Promise.resolve(inMemory.get(source)) : readText(source))
    texts.set(source, known)
    return known
  }
  /** `undefined` where the file has gone since it was read. */
  return async (source: string, offset: number): Promise<Place | undefined> => {
    const text = await textOf(source)
    return text === undefined ? undefined : placeOf(text, offset)
  }
}

export type Locator = ReturnType<typeof createLocator>

async function readText(path: string): Promise<string | undefined> {
  const bytes = await readFile(path).catch(() => undefined)
  return bytes === undefined ? undefined : decodeText(bytes)
}
