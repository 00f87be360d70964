import { TypeMismatchError, type DataType, type Dimension, type NumericType } from '@tenon/core'
import { difference, equals, product, quotient, sum } from '../dimension.js'
import { scalar } from '../literals.js'
import { defineOp, type AttributeTable, type Value, type ValueType } from '../op.js'
import { broadcast, sameType } from '../shapes.js'
import { map, zip } from './evaluate.js'

const integers: ReadonlySet<DataType> = new Set(['int64', 'int32', 'int16', 'int8', 'uint64', 'uint32', 'uint16', 'uint8'])
const isInteger = (dtype: DataType) => integers.has(dtype)

const unary = <Name extends string>(op: Name, since: number, compute: (x: number) => number, simpler?: (x: Value) => Value) =>
  defineOp(op, {
    since,
    inputs: ['X'],
    inPlace: { 0: [0] },
    infer: ([x]) => ({ dtype: x.dtype, shape: x.shape }),
    evaluate: ([x]) => map(x, compute),
    decompose: simpler && (([x]) => simpler(x)),
  })

type OnSizes = (a: Dimension, b: Dimension) => Dimension | undefined

/** Shape arithmetic keeps its elements where both sides are vectors or scalars and know theirs. */
function elementsOf(a: ValueType, b: ValueType, shape: readonly Dimension[], compute: OnSizes): readonly Dimension[] | undefined {
  const [left, right] = [a.elements, b.elements]
  if (left === undefined || right === undefined || shape.length > 1) return undefined
  const pick = (elements: readonly Dimension[], index: number) => elements[elements.length === 1 ? 0 : index]!
  const results = Array.from({ length: Number(shape[0] ?? 1) }, (_, index) => compute(pick(left, index), pick(right, index)))
  return results.every((result) => result !== undefined) ? results : undefined
}

/** Numbers are truncated towards zero, as Div does; symbols stand for sizes, which are not negative. */
function dividedSize(a: Dimension, b: Dimension): Dimension | undefined {
  if (b === 0) return undefined
  return typeof a === 'number' && typeof b === 'number' ? Math.trunc(a / b) : quotient(a, b)
}

const arithmetic = <Name extends string>(op: Name, since: number, compute: (a: number, b: number, dtype: DataType) => number, onSizes: OnSizes, simpler?: (a: Value, b: Value) => Value | undefined) =>
  defineOp(op, {
    since,
    inputs: ['A', 'B'],
    inPlace: { 0: [0, 1] },
    infer: ([a, b]) => {
      sameType(op, a, b)
      const shape = broadcast(op, a.shape, b.shape)
      return { dtype: a.dtype, shape, elements: elementsOf(a, b, shape, onSizes) }
    },
    evaluate: ([a, b]) => zip(a, b, (x, y) => compute(x, y, a.dtype)),
    decompose: simpler && (([a, b]) => simpler(a, b)),
  })

const comparison = <Name extends string>(op: Name, since: number, compute: (a: number, b: number) => boolean, onSizes: OnSizes = () => undefined) =>
  defineOp(op, {
    since,
    inputs: ['A', 'B'],
    infer: ([a, b]) => {
      sameType(op, a, b)
      const shape = broadcast(op, a.shape, b.shape)
      const onBoth: OnSizes = (x, y) => (typeof x === 'number' && typeof y === 'number' ? Number(compute(x, y)) : onSizes(x, y))
      return { dtype: 'bool', shape, elements: elementsOf(a, b, shape, onBoth) }
    },
    evaluate: ([a, b]) => zip(a, b, (x, y) => Number(compute(x, y)), 'bool'),
  })

/** As a boolean's element, where it is known. */
const known = (truth: boolean | undefined): number | undefined => (truth === undefined ? undefined : Number(truth))

const extremum = <Name extends string>(op: Name, compute: (a: number, b: number) => number) =>
  defineOp(op, {
    since: 13,
    inputs: ['...data'],
    infer: (inputs) => {
      sameType(op, ...inputs)
      return { dtype: inputs[0]!.dtype, shape: broadcast(op, ...inputs.map(({ shape }) => shape)) }
    },
    evaluate: ([a, b, ...rest]) => (a && b && rest.length === 0 ? zip(a, b, compute) : undefined),
  })

const variadic = <Name extends string>(op: Name, combine: (inputs: readonly Value[]) => Value) =>
  defineOp(op, {
    since: 13,
    inputs: ['...data_0'],
    infer: (inputs) => {
      sameType(op, ...inputs)
      return { dtype: inputs[0]!.dtype, shape: broadcast(op, ...inputs.map(({ shape }) => shape)) }
    },
    decompose: (inputs) => combine(inputs),
  })

export const Add = arithmetic('Add', 14, (a, b) => a + b, sum)
export const Sub = arithmetic('Sub', 14, (a, b) => a - b, difference, (a, b) => Add(a, Neg(b)))
export const Mul = arithmetic('Mul', 14, (a, b) => a * b, product)
/** Integers are truncated towards zero. */
export const Div = arithmetic('Div', 14, (a, b, dtype) => (isInteger(dtype) ? Math.trunc(a / b) : a / b), dividedSize, (a, b) => (isInteger(a.dtype) ? undefined : Mul(a, Reciprocal(b))))
export const Max = extremum('Max', Math.max)
export const Min = extremum('Min', Math.min)
export const Sum = variadic('Sum', (inputs) => inputs.reduce((total, x) => Add(total, x)))
export const Mean = variadic('Mean', (inputs) => Div(Sum(inputs), scalar(inputs[0]!, inputs.length)))

/** Of the divisor's sign, also where that is infinite. */
function floorMod(x: number, y: number): number {
  const remainder = x % y
  return remainder !== 0 && remainder < 0 !== y < 0 ? remainder + y : remainder
}

/** The remainder: of the divisor's sign, or with `fmod`, which fractions need, of the dividend's. */
export const Mod = defineOp('Mod', {
  since: 13,
  inputs: ['A', 'B'],
  attributes: { fmod: { type: 'int', default: 0 } },
  infer: ([a, b]) => {
    sameType('Mod', a, b)
    return { dtype: a.dtype, shape: broadcast('Mod', a.shape, b.shape) }
  },
  evaluate: ([a, b], { fmod }) => zip(a, b, fmod ? (x, y) => x % y : floorMod),
})

export const Pow = defineOp('Pow', {
  since: 15,
  inputs: ['X', 'Y'],
  infer: ([x, y]) => ({ dtype: x.dtype, shape: broadcast('Pow', x.shape, y.shape) }),
  evaluate: ([x, y]) => zip(x, y, Math.pow),
})

export const Abs = unary('Abs', 13, Math.abs)
export const Neg = unary('Neg', 13, (x) => -x, (x) => Mul(x, scalar(x, -1)))
export const Sqrt = unary('Sqrt', 13, Math.sqrt, (x) => Pow(x, scalar(x, 0.5)))
export const Reciprocal = unary('Reciprocal', 13, (x) => 1 / x, (x) => Pow(x, scalar(x, -1)))
export const Exp = unary('Exp', 13, Math.exp)
export const Log = unary('Log', 13, Math.log)
export const Tanh = unary('Tanh', 13, Math.tanh, (x) => Sub(Mul(Sigmoid(Mul(x, scalar(x, 2))), scalar(x, 2)), scalar(x, 1)))
export const Sigmoid = unary('Sigmoid', 13, (x) => 1 / (1 + Math.exp(-x)), (x) => Reciprocal(Add(Exp(Neg(x)), scalar(x, 1))))
export const Relu = unary('Relu', 14, (x) => Math.max(0, x), (x) => Max([x, scalar(x, 0)]))
export const Sin = unary('Sin', 7, Math.sin)
export const Cos = unary('Cos', 7, Math.cos)
export const Floor = unary('Floor', 13, Math.floor)
export const Ceil = unary('Ceil', 13, Math.ceil)
/** Halves go to the even neighbour. */
export const Round = unary('Round', 11, (x) => {
  const rounded = Math.round(x)
  return rounded - x === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded
})
export const Sign = unary('Sign', 13, Math.sign)

const test = <Name extends string, const T extends AttributeTable = Record<never, never>>(op: Name, since: number, attributes?: T) =>
  defineOp(op, { since, inputs: ['X'], ...(attributes && { attributes }), infer: ([x]) => ({ dtype: 'bool', shape: x.shape }) })

export const IsNaN = test('IsNaN', 20)
export const IsInf = test('IsInf', 20, { detect_negative: { type: 'int', default: 1 }, detect_positive: { type: 'int', default: 1 } })

/** Not folded: JavaScript has no error function, and a constant's is rarely taken. */
export const Erf = defineOp('Erf', { since: 13, inputs: ['X'], infer: ([x]) => x })

export const Equal = comparison('Equal', 19, (a, b) => a === b, (a, b) => known(equals(a, b)))
export const Greater = comparison('Greater', 13, (a, b) => a > b)
export const GreaterOrEqual = comparison('GreaterOrEqual', 16, (a, b) => a >= b)
export const Less = comparison('Less', 13, (a, b) => a < b)
export const LessOrEqual = comparison('LessOrEqual', 16, (a, b) => a <= b)
export const And = comparison('And', 7, (a, b) => a === 1 && b === 1)
export const Xor = comparison('Xor', 7, (a, b) => a !== b)
export const Or = comparison('Or', 7, (a, b) => a === 1 || b === 1)
export const Not = defineOp('Not', {
  since: 1,
  inputs: ['X'],
  infer: ([x]) => ({ dtype: x.dtype, shape: x.shape, elements: x.elements?.map((element) => (element === 0 ? 1 : 0)) }),
  evaluate: ([x]) => map(x, (value) => 1 - value),
})

export const Where = defineOp('Where', {
  since: 16,
  inputs: ['condition', 'X', 'Y'],
  infer: ([condition, x, y]) => {
    if (condition.dtype !== 'bool') throw new TypeMismatchError({ op: 'Where', expected: 'a bool condition', actual: condition.dtype })
    sameType('Where', x, y)
    const shape = broadcast('Where', condition.shape, x.shape, y.shape)
    return { dtype: x.dtype, shape, elements: chosen(condition, x, y, shape) }
  },
})

function chosen(condition: ValueType, x: ValueType, y: ValueType, shape: readonly Dimension[]): readonly Dimension[] | undefined {
  if (shape.length > 1 || condition.elements === undefined || x.elements === undefined || y.elements === undefined) return undefined
  const pick = (elements: readonly Dimension[], index: number) => elements[elements.length === 1 ? 0 : index]!
  return Array.from({ length: Number(shape[0] ?? 1) }, (_, index) => pick(pick(condition.elements!, index) === 0 ? y.elements! : x.elements!, index))
}

export const Clip = defineOp('Clip', {
  since: 13,
  inputs: ['X', 'min?', 'max?'],
  infer: ([x]) => ({ dtype: x.dtype, shape: x.shape }),
  decompose: ([x, least, most]) => {
    const raised = least === undefined ? x : Max([x, least])
    return most === undefined ? raised : Min([raised, most])
  },
})

export const Cast = defineOp('Cast', {
  view: true,
  since: 19,
  inputs: ['X'],
  attributes: { to: { type: 'dtype', required: true }, saturate: { type: 'int', default: 1 } },
  infer: ([x], { to }) => ({ dtype: to!, shape: x.shape, elements: castSizes(x, to!) }),
  evaluate: ([x], { to }) => map(x, to === 'bool' ? (value) => Number(value !== 0) : isInteger(to!) ? Math.trunc : (value) => value, to as NumericType),
})

/** Whether a size is other than 0 is known of numbers; booleans are 0 and 1 already. */
function castSizes({ dtype, elements }: ValueType, to: DataType): readonly Dimension[] | undefined {
  if (to === 'int64' || to === 'int32' || (to === 'bool' && dtype === 'bool')) return elements
  if (to !== 'bool' || elements === undefined) return undefined
  const truths = elements.map((size) => known(equals(size, 0)))
  return truths.every((truth) => truth !== undefined) ? truths.map((isZero) => 1 - isZero) : undefined
}

/** x · Φ(x), Φ the normal distribution's; `approximate: 'tanh'` is BERT's `gelu_new`. */
export const Gelu = defineOp('Gelu', {
  since: 20,
  inputs: ['X'],
  attributes: { approximate: { type: 'string', default: 'none' } },
  infer: ([x]) => x,
  decompose: ([x], { approximate }) => (approximate === 'tanh' ? tanhGelu(x) : erfGelu(x)),
})

function erfGelu(x: Value): Value {
  const cumulative = Mul(Add(Erf(Mul(x, scalar(x, Math.SQRT1_2))), scalar(x, 1)), scalar(x, 0.5))
  return Mul(x, cumulative)
}

/** Hendrycks and Gimpel 2016, equation 2. */
function tanhGelu(x: Value): Value {
  const cubed = Mul(Mul(Mul(x, x), x), scalar(x, 0.044715))
  const cumulative = Mul(Add(Tanh(Mul(Add(x, cubed), scalar(x, Math.sqrt(2 / Math.PI)))), scalar(x, 1)), scalar(x, 0.5))
  return Mul(x, cumulative)
}

/** x · σ(αx); SiLU where α is 1. */
export const QuickGelu = defineOp('com.microsoft::QuickGelu', {
  since: 1,
  inputs: ['X'],
  attributes: { alpha: { type: 'float', default: 1.702 } },
  infer: ([x]) => x,
  decompose: ([x], { alpha }) => Mul(x, Sigmoid(Mul(x, scalar(x, alpha)))),
})

