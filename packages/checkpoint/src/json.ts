import { InvalidFileError } from '@tenon/core'
import { isLfsPointer, lfsPointer } from './lfs-pointer.js'

/** @throws InvalidFileError when the text is no JSON; `path` is for the message. */
export function parseJson(path: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    if (isLfsPointer(text)) throw lfsPointer(path)
    throw new InvalidFileError({ path, problem: `is not valid JSON (${(cause as Error).message})`, cause })
  }
}

/** Whether a value is a JSON object, neither null nor an array. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Whether a value is a whole number from 0 up that JavaScript holds exactly: a size, or a position in a file. */
export const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
