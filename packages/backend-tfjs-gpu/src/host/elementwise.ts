import { allocate, type DataType } from '@tenon/core'
import type { ComputeType, HostArray } from '../carrier.js'
import { hostOp } from '../op.js'
import { Refusal } from '../refusal.js'
import { broadcastShape, integersOf, sizeOf } from '../shapes.js'
import { offsetsInto } from './broadcast.js'
import { exactNumbers, storeExact } from './integers.js'

type OnNumbers = (a: number, b: number) => number
type OnBigInts = (a: bigint, b: bigint) => bigint

type Wide = BigInt64Array | BigUint64Array

export const isWide = (dtype: DataType): boolean => dtype === 'int64' || dtype === 'uint64'
export const isFloat = (dtype: DataType): boolean => dtype === 'float32' || dtype === 'float64'

/** The elements as numbers; `undefined` where they are 64-bit integers that numbers do not hold. */
function numbersOf({ dtype, values }: HostArray): ArrayLike<number> | undefined {
  return isWide(dtype) ? exactNumbers(values as Wide) : (values as unknown as ArrayLike<number>)
}

/** An array of the type from a function of the index; typed arrays round and wrap as the type does. */
function filled(dtype: ComputeType, shape: readonly number[], numberAt: (index: number) => number, bigintAt: (index: number) => bigint): HostArray {
  const count = sizeOf(shape)
  const values = allocate(dtype, count)
  if (!isWide(dtype)) {
    for (let index = 0; index < count; index++) values[index] = numberAt(index)
    return { dtype, shape, values }
  }
  const exact = new Float64Array(count)
  for (let index = 0; index < count; index++) exact[index] = numberAt(index)
  return storeExact(exact, values as Wide) ? { dtype, shape, values } : { dtype, shape, values: (values as BigInt64Array).map((_, index) => bigintAt(index)) }
}

/** A function of each pair, broadcast: on numbers where they are exact, on bigints otherwise. */
export function zip(a: HostArray, b: HostArray, compute: OnNumbers, exactly: OnBigInts, dtype = a.dtype): HostArray {
  const shape = broadcastShape(a.shape, b.shape)
  const [atA, atB] = [offsetsInto(a.shape, shape), offsetsInto(b.shape, shape)]
  const [left, right] = [numbersOf(a), numbersOf(b)]
  const onBigInts = (index: number) => exactly(BigInt(a.values[atA(index)]!), BigInt(b.values[atB(index)]!))
  if (left !== undefined && right !== undefined) return filled(dtype, shape, (index) => compute(left[atA(index)]!, right[atB(index)]!), onBigInts)
  const values = allocate(dtype, sizeOf(shape))
  for (let index = 0; index < values.length; index++) values[index] = isWide(dtype) ? onBigInts(index) : Number(onBigInts(index))
  return { dtype, shape, values }
}

export function map(x: HostArray, compute: (a: number) => number, exactly: (a: bigint) => bigint, dtype = x.dtype): HostArray {
  return zip(x, x, compute, exactly, dtype)
}

const arithmetic = (compute: OnNumbers, exactly: OnBigInts, int32 = compute) => hostOp<[HostArray, HostArray]>({ run: ([a, b]) => zip(a, b, a.dtype === 'int32' ? int32 : compute, exactly) })

const comparison = (compute: (a: number | bigint, b: number | bigint) => boolean) =>
  hostOp<[HostArray, HostArray]>({ run: ([a, b]) => zip(a, b, (x, y) => Number(compute(x, y)), (x, y) => BigInt(compute(x, y)), 'bool') })

const variadic = (compute: OnNumbers, exactly: OnBigInts) => hostOp<HostArray[]>({ run: (inputs) => inputs.reduce((a, b) => zip(a, b, compute, exactly)) })

/** Integers are truncated towards zero. */
function divided(a: HostArray, b: HostArray): HostArray {
  if (isFloat(a.dtype)) return zip(a, b, (x, y) => x / y, () => 0n)
  return zip(a, b, (x, y) => (y === 0 ? refuseZero() : Math.trunc(x / y)), (x, y) => (y === 0n ? refuseZero() : x / y))
}

function refuseZero(): never {
  throw new Refusal('divides an integer by 0', 'feed another divisor')
}

/** The remainder of the divisor's sign. */
function floored(x: number, y: number): number {
  const rest = x % y
  return rest !== 0 && rest < 0 !== y < 0 ? rest + y : rest
}

export const Add = arithmetic((a, b) => a + b, (a, b) => a + b)
export const Sub = arithmetic((a, b) => a - b, (a, b) => a - b)
export const Mul = arithmetic((a, b) => a * b, (a, b) => a * b, Math.imul)
export const Div = hostOp<[HostArray, HostArray]>({ run: ([a, b]) => divided(a, b) })
export const Max = variadic(Math.max, (a, b) => (a > b ? a : b))
export const Min = variadic(Math.min, (a, b) => (a < b ? a : b))

export const Mod = hostOp<[HostArray, HostArray], { fmod: number }>({
  run: ([a, b], { fmod }) =>
    fmod
      ? zip(a, b, (x, y) => x % y, (x, y) => (y === 0n ? refuseZero() : x % y))
      : zip(a, b, (x, y) => (y === 0 && !isFloat(a.dtype) ? refuseZero() : floored(x, y)), (x, y) => (y === 0n ? refuseZero() : ((x % y) + y) % y)),
})

export const Pow = hostOp<[HostArray, HostArray]>({
  run: ([x, y]) => zip(x, y, isFloat(x.dtype) ? Math.pow : (a, b) => Math.trunc(a ** b), (a, b) => (b < 0n ? (a === 1n ? 1n : a === -1n ? (b % 2n === 0n ? 1n : -1n) : 0n) : a ** b)),
})

const never = (): bigint => {
  throw new Refusal('gets integers of 64 bits', 'cast them to floats first')
}

const unary = (compute: (x: number) => number, exactly: (x: bigint) => bigint = never) => hostOp<[HostArray]>({ run: ([x]) => map(x, compute, exactly) })

export const Abs = unary(Math.abs, (x) => (x < 0n ? -x : x))
export const Neg = unary((x) => -x, (x) => -x)
export const Sign = unary(Math.sign, (x) => (x > 0n ? 1n : x < 0n ? -1n : 0n))
export const Relu = unary((x) => Math.max(0, x), (x) => (x > 0n ? x : 0n))
export const Sqrt = unary(Math.sqrt)
export const Reciprocal = unary((x) => 1 / x)
export const Exp = unary(Math.exp)
export const Log = unary(Math.log)
export const Tanh = unary(Math.tanh)
export const Sigmoid = unary((x) => 1 / (1 + Math.exp(-x)))
export const Sin = unary(Math.sin)
export const Cos = unary(Math.cos)
export const Floor = unary(Math.floor)
export const Ceil = unary(Math.ceil)
/** Halves go to the even neighbour. */
export const Round = unary((x) => {
  const rounded = Math.round(x)
  return rounded - x === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded
})

const test = <A>(holds: (x: number, attributes: A) => boolean) => hostOp<[HostArray], A>({ run: ([x], attributes) => map(x, (value) => Number(holds(value, attributes)), () => 0n, 'bool') })

export const IsNaN = test(Number.isNaN)
export const IsInf = test<{ detect_negative: number; detect_positive: number }>((x, { detect_negative: negative, detect_positive: positive }) => (x === Infinity && positive !== 0) || (x === -Infinity && negative !== 0))

// oxlint-disable-next-line eqeqeq -- both are numbers, or both bigints
export const Equal = comparison((a, b) => a == b)
export const Greater = comparison((a, b) => a > b)
export const GreaterOrEqual = comparison((a, b) => a >= b)
export const Less = comparison((a, b) => a < b)
export const LessOrEqual = comparison((a, b) => a <= b)
export const And = comparison((a, b) => a === 1 && b === 1)
export const Or = comparison((a, b) => a === 1 || b === 1)
export const Xor = comparison((a, b) => a !== b)
export const Not = unary((x) => 1 - x)

export const Where = hostOp<[HostArray, HostArray, HostArray]>({
  run: ([condition, x, y]) => {
    const shape = broadcastShape(condition.shape, x.shape, y.shape)
    const [atCondition, atX, atY] = [condition, x, y].map((array) => offsetsInto(array.shape, shape)) as [(index: number) => number, (index: number) => number, (index: number) => number]
    const values = allocate(x.dtype, sizeOf(shape))
    for (let index = 0; index < values.length; index++) values[index] = condition.values[atCondition(index)] ? x.values[atX(index)]! : y.values[atY(index)]!
    return { dtype: x.dtype, shape, values }
  },
})

/** Lower bound first, so that where the bounds cross the upper one wins. */
export const Clip = hostOp<[HostArray, HostArray?, HostArray?]>({
  run: ([x, low, high]) => {
    const raised = low === undefined ? x : zip(x, low, Math.max, (a, b) => (a > b ? a : b))
    return high === undefined ? raised : zip(raised, high, Math.min, (a, b) => (a < b ? a : b))
  },
})

export const Cast = hostOp<[HostArray]>({ run: ([x], _, { types: [to] }) => cast(x, to!) })

/** Integers wrap, floats are truncated towards zero. */
export function cast(x: HostArray, to: ComputeType): HostArray {
  if (x.dtype === to) return x
  if (to === 'bool') return map(x, (value) => Number(value !== 0), (value) => BigInt(value !== 0n), 'bool')
  const numbers = numbersOf(x)
  const values = allocate(to, x.values.length)
  if (isWide(to)) {
    if (numbers === undefined) for (let index = 0; index < values.length; index++) values[index] = BigInt(x.values[index]!)
    else if (!storeExact(Float64Array.from(numbers, Math.trunc), values as Wide)) for (let index = 0; index < values.length; index++) values[index] = saturated(numbers[index]!, to)
  } else if (numbers === undefined) for (let index = 0; index < values.length; index++) values[index] = isFloat(to) ? Number(x.values[index]) : Number(BigInt.asIntN(32, x.values[index] as bigint))
  else for (let index = 0; index < values.length; index++) values[index] = numbers[index]!
  return { dtype: to, shape: x.shape, values }
}

/** What is no integer of 64 bits has no defined cast; the nearest one harms least. */
function saturated(number: number, to: 'int64' | 'uint64' | ComputeType): bigint {
  if (Number.isNaN(number)) return 0n
  const [low, high] = to === 'uint64' ? [0, 2 ** 64] : [-(2 ** 63), 2 ** 63]
  return number >= high ? (to === 'uint64' ? 2n ** 64n - 1n : 2n ** 63n - 1n) : number <= low ? BigInt(low) : BigInt(Math.trunc(number))
}

/** For ops that are given a whole number as a tensor. */
export const scalarOf = (x: HostArray): number => integersOf(x)[0]!
