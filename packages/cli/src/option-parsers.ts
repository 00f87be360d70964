import { InvalidArgumentError } from 'commander'

/** Of an option that may be repeated: all of its values. */
export const collect = (text: string, before: readonly string[] = []) => [...before, text]

/** Refuses what a script passes where its variable holds nothing: `--model "$MODEL"`. */
export function filled(text: string): string {
  if (text.trim() !== '') return text
  throw new InvalidArgumentError('It is empty: give a value, or leave it out.')
}

/** The same of an option that may be repeated. White space is something: a line break ends a text too. */
export function collectFilled(text: string, before: readonly string[] = []) {
  if (text === '') throw new InvalidArgumentError('It is empty: give a text, or leave it out.')
  return [...before, text]
}

/** From 1 on. */
export function wholeNumber(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new InvalidArgumentError('Give a whole number from 1 on.')
}

/** From 1 to `most`. */
export const wholeNumberTo = (most: number) => (text: string): number => {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0 && value <= most) return value
  throw new InvalidArgumentError(`Give a whole number from 1 to ${most}.`)
}

/** A whole number from 0 on. */
export function integer(text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= 0 && text.trim() !== '') return value
  throw new InvalidArgumentError('Give a whole number from 0 on.')
}

/** From `least` to `most`. */
export const number = (least: number, most = Infinity) => (text: string): number => {
  const value = Number(text)
  if (text.trim() !== '' && Number.isFinite(value) && value >= least && value <= most) return value
  throw new InvalidArgumentError(most === Infinity ? `Give a number from ${least} on.` : `Give a number from ${least} to ${most}.`)
}

/** Above `least`, and up to `most`. */
export const above = (least: number, most = Infinity) => (text: string): number => {
  const value = Number(text)
  if (text.trim() !== '' && Number.isFinite(value) && value > least && value <= most) return value
  throw new InvalidArgumentError(most === Infinity ? `Give a number above ${least}.` : `Give a number above ${least}, up to ${most}.`)
}
