import { viewAs } from '@tenon/core'
import { scalar } from '../literals.js'
import type { Value } from '../op.js'
import { Abs, Add, And, Cast, Ceil, Clip, Cos, Div, Equal, Erf, Exp, Floor, Gelu, Greater, GreaterOrEqual, Less, Log, Max, Min, Mod, Mul, Neg, Pow, Reciprocal, Relu, Round, Sigmoid, Sign, Sin, Sqrt, Sub, Tanh, Where } from '../ops/elementwise.js'
import { flat, once, rule, type NamedRule } from './rule.js'
import { indicator } from './sizes.js'
import { unbroadcast } from './unbroadcast.js'

/** The largest of several share the gradient where they are equal, as in PyTorch. */
const extremum = (definition: typeof Max | typeof Min): NamedRule =>
  rule(definition, ({ inputs, y, d }) => {
    const chosen = once(() => inputs.map((x) => indicator(Equal(x, y), y)))
    const each = once(() => Div(d, chosen().reduce((a, b) => Add(a, b))))
    return inputs.map((x, index) => () => unbroadcast(Mul(each(), chosen()[index]!), x))
  })

/** A scalar constant's number. */
function literal(x: Value): number | undefined {
  const constant = x.builder.constantOf(x)
  if (constant?.inline === undefined || (constant.dtype !== 'float32' && constant.dtype !== 'float64' && constant.dtype !== 'int64' && constant.dtype !== 'int32')) return undefined
  const values = viewAs(constant.dtype, constant.inline)
  return values.length === 1 ? Number(values[0]) : undefined
}

/** y · xʸ⁻¹ · d */
function powerBase(x: Value, exponent: Value, d: Value): Value {
  const known = literal(exponent)
  if (known === 2) return Mul(d, Mul(x, scalar(x, 2)))
  const factor = exponent.dtype === x.dtype ? exponent : Cast(exponent, { to: x.dtype })
  const slope = Mul(d, Mul(Pow(x, Sub(exponent, scalar(exponent, 1))), factor))
  // x⁰ is 1 at 0 as well, where 0 · 0⁻¹ would be no number.
  return known !== undefined && known !== 0 ? slope : Where(Equal(factor, scalar(factor, 0)), scalar(x, 0), slope)
}

/** Φ(x) + x · φ(x), of the normal distribution. */
function erfGeluSlope(x: Value): Value {
  const cumulative = Mul(Add(Erf(Mul(x, scalar(x, Math.SQRT1_2))), scalar(x, 1)), scalar(x, 0.5))
  const density = Mul(Exp(Mul(Mul(x, x), scalar(x, -0.5))), scalar(x, 1 / Math.sqrt(2 * Math.PI)))
  return Add(cumulative, Mul(x, density))
}

function tanhGeluSlope(x: Value): Value {
  const [slope, cubic] = [Math.sqrt(2 / Math.PI), 0.044715]
  const squared = Mul(x, x)
  const bent = Tanh(Mul(x, Add(Mul(squared, scalar(x, slope * cubic)), scalar(x, slope))))
  const inner = Add(Mul(squared, scalar(x, 3 * slope * cubic)), scalar(x, slope))
  const rise = Mul(Sub(scalar(x, 1), Mul(bent, bent)), Mul(x, inner))
  return Mul(Add(Add(bent, scalar(x, 1)), rise), scalar(x, 0.5))
}

export const elementwise: readonly NamedRule[] = [
  rule(Add, ({ inputs: [a, b], d }) => [() => unbroadcast(d, a), () => unbroadcast(d, b)]),
  rule(Sub, ({ inputs: [a, b], d }) => [() => unbroadcast(d, a), () => Neg(unbroadcast(d, b))]),
  rule(Mul, ({ inputs: [a, b], d }) => (a === b ? [() => Mul(d, Mul(a, scalar(a, 2)))] : [() => unbroadcast(Mul(d, b), a), () => unbroadcast(Mul(d, a), b)])),
  rule(Div, ({ inputs: [a, b], y, d }) => {
    const divided = once(() => Div(d, b))
    return [() => unbroadcast(divided(), a), () => Neg(unbroadcast(Mul(divided(), y), b))]
  }),
  // A − B · k, k an integer.
  rule(Mod, ({ inputs: [a, b], y, d }) => [() => unbroadcast(d, a), () => Neg(unbroadcast(Mul(d, Round(Div(Sub(a, y), b))), b))]),
  rule(Pow, ({ inputs: [x, exponent], y, d }) => [
    () => unbroadcast(powerBase(x, exponent, d), x),
    // Powers of 0 do not vary with an exponent above 0.
    () => unbroadcast(Mul(d, Mul(y, Log(Where(Equal(x, scalar(x, 0)), scalar(x, 1), x)))), exponent),
  ]),
  extremum(Max),
  extremum(Min),
  rule(Abs, ({ inputs: [x], d }) => [() => Mul(d, Sign(x))]),
  rule(Neg, ({ d }) => [() => Neg(d)]),
  rule(Sqrt, ({ y, d }) => [() => Div(Mul(d, scalar(y, 0.5)), y)]),
  rule(Reciprocal, ({ y, d }) => [() => Neg(Mul(d, Mul(y, y)))]),
  rule(Exp, ({ y, d }) => [() => Mul(d, y)]),
  rule(Log, ({ inputs: [x], d }) => [() => Div(d, x)]),
  rule(Tanh, ({ y, d }) => [() => Mul(d, Sub(scalar(y, 1), Mul(y, y)))]),
  rule(Sigmoid, ({ y, d }) => [() => Mul(d, Mul(y, Sub(scalar(y, 1), y)))]),
  rule(Relu, ({ y, d }) => [() => Where(Greater(y, scalar(y, 0)), d, scalar(d, 0))]),
  rule(Sin, ({ inputs: [x], d }) => [() => Mul(d, Cos(x))]),
  rule(Cos, ({ inputs: [x], d }) => [() => Neg(Mul(d, Sin(x)))]),
  rule(Erf, ({ inputs: [x], d }) => [() => Mul(d, Mul(Exp(Neg(Mul(x, x))), scalar(x, 2 / Math.sqrt(Math.PI))))]),
  flat(Floor),
  flat(Ceil),
  flat(Round),
  flat(Sign),
  rule(Where, ({ inputs: [condition, x, y], d }) => [
    undefined,
    () => unbroadcast(Where(condition, d, scalar(d, 0)), x),
    () => unbroadcast(Where(condition, scalar(d, 0), d), y),
  ]),
  // At a bound the element itself has the gradient, as in PyTorch.
  rule(Clip, ({ inputs: [x, least, most], y, d }) => [
    () => Where(Equal(x, y), d, scalar(d, 0)),
    least && (() => unbroadcast(Where(most === undefined ? Less(x, y) : And(Less(x, y), GreaterOrEqual(most, least)), d, scalar(d, 0)), least)),
    most && (() => unbroadcast(Where(least === undefined ? Greater(x, y) : And(Equal(y, most), Greater(Max([x, least]), y)), d, scalar(d, 0)), most)),
  ]),
  rule(Cast, ({ inputs: [x], d }) => [() => Cast(d, { to: x.dtype })]),
  rule(Gelu, ({ inputs: [x], attributes: { approximate }, d }) => [() => Mul(d, approximate === 'tanh' ? tanhGeluSlope(x) : erfGeluSlope(x))]),
]
