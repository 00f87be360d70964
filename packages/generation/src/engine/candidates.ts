import { InvalidOptionError, spelled } from '@tenon/core'

/** Slots of a decoder that is not told otherwise. */
export const SLOTS = 8

/**
 * How many texts a task may be asked to write at once: as many as a decoder has slots for by default.
 * @throws InvalidOptionError
 */
export function checkCandidates(where: string, candidates: number | undefined): void {
  if (candidates === undefined || (Number.isInteger(candidates) && candidates >= 1 && candidates <= SLOTS)) return
  throw new InvalidOptionError({ where, option: 'candidates', problem: `is ${spelled(candidates)}`, remedy: `Give a whole number from 1 to ${SLOTS}` })
}
