import { nearest } from '../nearest.js'
import { TenonError } from './tenon-error.js'

/** An option is unknown, or its value is out of range. */
export class InvalidOptionError extends TenonError {
  readonly option: string

  constructor({ where, option, problem, remedy }: { where: string; option: string; problem: string; remedy: string }) {
    super({ code: 'TENON_INVALID_OPTION', message: `The option '${option}' of ${where} ${problem}`, remedy })
    this.option = option
  }
}

/**
 * Checks that an options object has known keys only, since JavaScript callers have no type checker to tell them.
 * @throws InvalidOptionError
 */
export function checkOptions(where: string, options: object, known: readonly string[]): void {
  for (const option of Object.keys(options)) {
    if (known.includes(option)) continue
    const close = nearest(option, known)
    throw new InvalidOptionError({
      where,
      option,
      problem: 'is unknown',
      remedy: close === undefined ? `Known are: ${known.join(', ') || 'none'}` : `Did you mean '${close}'? Known are: ${known.join(', ')}`,
    })
  }
}
