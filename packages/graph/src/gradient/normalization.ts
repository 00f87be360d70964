import { integers, scalar } from '../literals.js'
import type { Value } from '../op.js'
import { Add, Div, Exp, Mul, Neg, Reciprocal, Sqrt, Sub } from '../ops/elementwise.js'
import { Expand } from '../ops/movement.js'
import { LayerNormalization, LogSoftmax, SimplifiedLayerNormalization, Softmax } from '../ops/normalization.js'
import { ReduceMean, ReduceSum } from '../ops/reduction.js'
import { axisIndex } from '../shapes.js'
import { countOf } from './reduction.js'
import { once, rule, type NamedRule } from './rule.js'
import { onesLike, shapeOf } from './sizes.js'
import { unbroadcast } from './unbroadcast.js'

const from = (axis: number, rank: number): number[] => Array.from({ length: rank - axis }, (_, index) => axis + index)

/** What is left of x without scale and bias, and the inverse of the deviation. */
type Parts = readonly [unit: Value, inverse: Value]

/** (x − mean) · inverse, without scale and bias, and the inverse of the standard deviation. */
function normalized(x: Value, scale: Value, axis: number, epsilon: number, over: Value): Parts {
  if (x.dtype === 'float32') {
    const [centred, , inverse] = x.builder.emit(LayerNormalization as never, [x, onesLike(scale)], { axis, epsilon }, 3)
    return [centred!, inverse!]
  }
  // The operator's own statistics are float32, whatever it normalizes.
  const centred = Sub(x, ReduceMean(x, over))
  const inverse = Reciprocal(Sqrt(Add(ReduceMean(Mul(centred, centred), over), scalar(x, epsilon))))
  return [Mul(centred, inverse), inverse]
}

/** x / root of the mean of squares, and what x is multiplied by. */
function rootMeanSquare(x: Value, scale: Value, axis: number, epsilon: number, over: Value): Parts {
  if (x.dtype === 'float32') return x.builder.emit(SimplifiedLayerNormalization as never, [x, onesLike(scale)], { axis, epsilon }, 2) as unknown as Parts
  const inverse = Reciprocal(Sqrt(Add(ReduceMean(Mul(x, x), over), scalar(x, epsilon))))
  return [Mul(x, inverse), inverse]
}

/** Of a mean's inverse root, s, with elements u = s · x: −s² · u / count. */
const ofInverseRoot = (d: Value, [unit, inverse]: Parts, count: Value): Value => Neg(Mul(unit, Div(Mul(d, Mul(inverse, inverse)), count)))

/** By x, where u = (x − what is taken off it) · inverse: of u · scale, and of the inverse, which is an output too. */
function ofInput(x: Value, scale: Value, axes: readonly number[], parts: Parts, d: Value | undefined, ofInverse: Value | undefined, centre: (g: Value) => Value): Value[] {
  const [unit, inverse] = parts
  const terms: Value[] = []
  if (d !== undefined) {
    const g = Mul(d, scale)
    terms.push(Mul(Sub(centre(g), Mul(unit, ReduceMean(Mul(g, unit), integers(x, axes)))), inverse))
  }
  if (ofInverse !== undefined) terms.push(ofInverseRoot(ofInverse, parts, countOf(x, axes)))
  return terms
}

const total = (terms: readonly Value[]): Value => terms.reduce((a, b) => Add(a, b))

export const normalization: readonly NamedRule[] = [
  rule(Softmax, ({ attributes: { axis }, y, d }) => [() => {
    const weighed = Mul(d, y)
    return Sub(weighed, Mul(y, ReduceSum(weighed, integers(y, [axis]))))
  }]),
  rule(LogSoftmax, ({ attributes: { axis }, y, d }) => [() => Sub(d, Mul(Exp(y), ReduceSum(d, integers(y, [axis]))))]),
  rule(LayerNormalization, ({ inputs: [x, scale, bias], attributes: { axis, epsilon }, gradients: [d, ofMean, ofInverse] }) => {
    const axes = from(axisIndex('LayerNormalization', axis, x.shape.length), x.shape.length)
    const over = integers(x, axes)
    const parts = once(() => normalized(x, scale, axis, epsilon, over))
    return [
      () => {
        const terms = ofInput(x, scale, axes, parts(), d, ofInverse, (g) => Sub(g, ReduceMean(g, over)))
        return total(ofMean === undefined ? terms : [...terms, Expand(Div(ofMean, countOf(x, axes)), shapeOf(x))])
      },
      d && (() => unbroadcast(Mul(d, parts()[0]), scale)),
      d && bias && (() => unbroadcast(d, bias)),
    ]
  }),
  rule(SimplifiedLayerNormalization, ({ inputs: [x, scale], attributes: { axis, epsilon }, gradients: [d, ofInverse] }) => {
    const axes = from(axisIndex('SimplifiedLayerNormalization', axis, x.shape.length), x.shape.length)
    const over = integers(x, axes)
    const parts = once(() => rootMeanSquare(x, scale, axis, epsilon, over))
    return [
      () => total(ofInput(x, scale, axes, parts(), d, ofInverse, (g) => g)),
      d && (() => unbroadcast(Mul(d, parts()[0]), scale)),
    ]
  }),
]
