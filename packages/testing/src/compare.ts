import { viewAs, bytesOf, type NumericType, type TypedArray } from '@tenon/core'
import { defaultTolerance, type Tolerance, type ToleranceTable } from './tolerance.js'

/** A tensor, read. */
export interface Read {
  readonly dtype: NumericType
  readonly shape: readonly number[]
  readonly values: TypedArray
}

const exact: Tolerance = { absolute: 0, relative: 0 }

/** What differs between a tensor and the reference's, in words; `undefined` where nothing does beyond the tolerance. NaN is NaN, infinities are themselves. */
export function differs(actual: Read, expected: Read, table: ToleranceTable = {}): string | undefined {
  if (actual.dtype !== expected.dtype) return `is ${actual.dtype} and not ${expected.dtype}`
  if (actual.shape.join() !== expected.shape.join()) return `has the shape [${actual.shape.join(', ')}] and not [${expected.shape.join(', ')}]`
  if (actual.values.length !== expected.values.length) return `has ${actual.values.length} elements and not ${expected.values.length}`
  const { absolute, relative } = table[expected.dtype] ?? defaultTolerance[expected.dtype] ?? exact
  const [got, wanted] = [elements(actual), elements(expected)]
  let worst = { index: -1, away: 0 }
  for (let index = 0; index < wanted.length; index++) {
    const [a, b] = [got[index]!, wanted[index]!]
    if (a === b || (Number.isNaN(a) && Number.isNaN(b))) continue
    const away = typeof a === 'bigint' || typeof b === 'bigint' ? Infinity : Math.abs(a - b)
    const allowed = Math.max(absolute, relative * Math.abs(Number(b)))
    if (away <= allowed && Number.isFinite(away)) continue
    if (worst.index === -1 || away > worst.away) worst = { index, away: Number.isNaN(away) ? Infinity : away }
  }
  return worst.index === -1 ? undefined : `is ${String(got[worst.index])} and not ${String(wanted[worst.index])} at element ${worst.index}`
}

/** As numbers, or as bigints where numbers do not hold them; 4-bit integers stay packed. */
export function elements({ dtype, values }: Read): ArrayLike<number | bigint> {
  if (dtype === 'float16') return Array.from(values as Uint16Array, halfToNumber)
  if (dtype === 'bfloat16') return viewAs('float32', bytesOf(Uint32Array.from(values as Uint16Array, (bits) => bits << 16)))
  return values
}

/** IEEE 754 binary16: five bits of exponent, ten of fraction. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15))
}
