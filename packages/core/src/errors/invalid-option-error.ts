import { nearest } from '../nearest.js'
import { InvalidInputError } from './invalid-input-error.js'
import { TenonError } from './tenon-error.js'

/** An option is unknown, or its value is out of range. */
export class InvalidOptionError extends TenonError {
  readonly option: string

  constructor({ where, option, problem, remedy }: { where: string; option: string; problem: string; remedy: string }) {
    super({ code: 'TENON_INVALID_OPTION', message: `The option '${option}' of ${where} ${problem}`, remedy })
    this.option = option
  }
}

/** What an option is, where many take it. */
const usual: Readonly<Record<string, { is(value: unknown): boolean; readonly problem: string; readonly remedy: string }>> = {
  signal: { is: (value) => typeof value === 'object' && value !== null && typeof (value as AbortSignal).aborted === 'boolean' && typeof (value as AbortSignal).addEventListener === 'function', problem: 'is no AbortSignal', remedy: 'Pass the signal of an AbortController' },
  onProgress: { is: (value) => typeof value === 'function', problem: 'is no function', remedy: 'Pass (done, total) => …' },
}

/**
 * Checks that options are an object with known keys only, since JavaScript callers have no type checker to tell them; and of
 * `signal` and `onProgress`, which many take, that they are what their names say.
 * @throws InvalidOptionError
 * @throws InvalidInputError where the options are no object.
 */
export function checkOptions(where: string, options: object, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) throw new InvalidInputError({ what: `the options of ${where}`, problem: `are ${options === null || options === undefined ? String(options) : `a ${typeof options}`}`, remedy: 'pass an object, or leave them out' })
  for (const [option, value] of Object.entries(options)) {
    if (known.includes(option)) {
      if (value !== undefined && Object.hasOwn(usual, option) && !usual[option]!.is(value)) throw new InvalidOptionError({ where, option, ...usual[option]! })
      continue
    }
    const close = nearest(option, known)
    throw new InvalidOptionError({
      where,
      option,
      problem: 'is unknown',
      remedy: close === undefined ? `Known are: ${known.join(', ') || 'none'}` : `Did you mean '${close}'? Known are: ${known.join(', ')}`,
    })
  }
}
