import { characters, choice, never, nothing, optional, repeat, sequence, text, type Expression } from './expression.js'

export interface Bounds {
  readonly least?: number | undefined
  readonly most?: number | undefined
  /** Whether the bound itself is out. */
  readonly aboveLeast?: boolean | undefined
  readonly belowMost?: boolean | undefined
}

/** A number from 0, digit by digit; a fraction has no zeros at its end. */
interface Bound {
  readonly whole: string
  readonly fraction: string
  readonly out: boolean
}

/** Whole digits of numbers that no bound limits: 10^16 is as far as doubles count one by one. */
const WHOLE_DIGITS = 16
/** As many significant digits tell any two doubles apart from each other's decimals, so that rounding cannot step over a bound. */
const SIGNIFICANT = 15

const digit = digits(0, 9)

/**
 * The decimal numbers within bounds, as JSON has them: no zeros in front, no exponent. A text within the bounds is a double within them.
 * @param fractions Whether there are digits after a point.
 */
export function decimals({ least = -Infinity, most = Infinity, aboveLeast = false, belowMost = false }: Bounds, fractions: boolean): Expression {
  if (least > most || (least === most && (aboveLeast || belowMost))) return never
  const options: Expression[] = []
  if (most > 0 || (most === 0 && !belowMost)) options.push(positives(least > 0 || (least === 0 && aboveLeast) ? boundOf(least, aboveLeast) : undefined, most === Infinity ? undefined : boundOf(most, belowMost), fractions))
  // Turned about 0: the greater bound becomes the smaller one.
  if (least < 0) options.push(sequence(text('-'), positives(most < 0 ? boundOf(-most, belowMost) : boundOf(0, most > 0 ? false : belowMost), least === -Infinity ? undefined : boundOf(-least, aboveLeast), fractions)))
  return choice(...options)
}

function boundOf(value: number, out: boolean): Bound {
  const [mantissa = '', exponent = '0'] = String(value).split('e')
  const [whole = '', fraction = ''] = mantissa.split('.')
  const moved = Number(exponent)
  const all = whole + fraction
  const point = whole.length + moved
  const padded = point <= 0 ? '0'.repeat(1 - point) + all : all.padEnd(point, '0')
  const at = Math.max(point, 1)
  return { whole: padded.slice(0, at).replace(/^0+(?=\d)/, ''), fraction: padded.slice(at).replace(/0+$/, ''), out }
}

function positives(least: Bound | undefined, most: Bound | undefined, fractions: boolean): Expression {
  const lengths = Math.max(WHOLE_DIGITS, least?.whole.length ?? 0)
  const options: Expression[] = []
  for (let length = least?.whole.length ?? 1; length <= Math.min(lengths, most?.whole.length ?? lengths); length++) {
    const lower = least?.whole.length === length ? least : undefined
    const upper = most?.whole.length === length ? most : undefined
    const places = fractions ? Math.max(SIGNIFICANT - length, lower?.fraction.length ?? 0, upper?.fraction.length ?? 0, 0) : 0
    options.push(fromPlace(0, length, places, lower, upper))
  }
  return choice(...options)
}

/**
 * What may follow from a digit's place on, where all digits before equal those of the bounds that are given: places from `whole`
 * on are those of the fraction.
 */
function fromPlace(place: number, whole: number, places: number, least: Bound | undefined, most: Bound | undefined): Expression {
  const inFraction = place - whole
  if (inFraction < 0) {
    if (least === undefined && most === undefined && place > 0) return sequence(repeat(digit, whole - place, whole - place), fractionFrom(0, places))
    return digitThen(least === undefined ? (place === 0 && whole > 1 ? 1 : 0) : Number(least.whole[place]), most === undefined ? 9 : Number(most.whole[place]), least)
  }
  if (least === undefined && most === undefined) return fractionFrom(inFraction, places)

  // Zeros might follow for ever: what ends here is as great as if they did.
  const atLeast = least === undefined || least.fraction.length > inFraction ? least === undefined : !least.out
  const atMost = most === undefined || most.fraction.length > inFraction || !most.out
  const stops = atLeast && atMost ? [nothing] : []
  const below = most === undefined || most.fraction.length > inFraction
  // Where the greatest is reached only zeros could follow, which say nothing.
  if (inFraction >= places || !below) return choice(...stops)
  // A least number that is in, and reached, binds no digit any more.
  const lower = least !== undefined && (least.fraction.length > inFraction || least.out) ? least : undefined
  const more = digitThen(Number(lower?.fraction[inFraction] ?? 0), most === undefined ? 9 : Number(most.fraction[inFraction]), lower)
  return choice(...stops, inFraction === 0 ? sequence(text('.'), more) : more)

  function digitThen(from: number, to: number, lower: Bound | undefined): Expression {
    const next = (low: Bound | undefined, high: Bound | undefined) => fromPlace(place + 1, whole, places, low, high)
    if (lower !== undefined && most !== undefined && from === to) return sequence(digits(from, from), next(lower, most))
    const options: Expression[] = []
    const free = [lower === undefined ? from : from + 1, most === undefined ? to : to - 1] as const
    if (lower !== undefined && from <= to) options.push(sequence(digits(from, from), next(lower, undefined)))
    if (free[0] <= free[1]) options.push(sequence(digits(...free), next(undefined, undefined)))
    if (most !== undefined && from <= to) options.push(sequence(digits(to, to), next(undefined, most)))
    return choice(...options)
  }
}

/** The rest of a fraction that no bound limits. */
function fractionFrom(place: number, places: number): Expression {
  if (place >= places) return nothing
  return place === 0 ? optional(sequence(text('.'), repeat(digit, 1, places))) : repeat(digit, 0, places - place)
}

function digits(first: number, last: number): Expression {
  return characters([0x30 + first, 0x30 + last])
}
