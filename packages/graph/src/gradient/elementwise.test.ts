import type { HostTensor } from '@tenon/core'
import { describe } from 'vitest'
import { scalar } from '../literals.js'
import type { Value } from '../op.js'
import { Abs, Add, Cast, Ceil, Clip, Cos, Div, Erf, Exp, Floor, Gelu, Greater, Log, Max, Mean, Min, Mod, Mul, Neg, Pow, QuickGelu, Reciprocal, Relu, Round, Sigmoid, Sign, Sin, Sqrt, Sub, Sum, Tanh, Where } from '../ops/elementwise.js'
import { Elu, HardSigmoid, HardSwish, LeakyRelu, Mish, Softplus, BiasGelu, FastGelu } from '../ops/activation.js'
import { tensorOf } from '../test-support.js'
import { agreeWithDifferences, numbers, type Differentiable } from './test-finite-differences.js'

const around = numbers('float64', [2, 5], 3)
/** From 0.5 to 2.5. */
const positive = { ...around, values: around.values.map((value) => value + 1.5) }

const unary = (compute: (x: Value) => Value, x: HostTensor = around): Differentiable => ({ feeds: { x }, build: ({ x: value }) => compute(value!) })
const single = numbers('float32', [2, 5], 4) // where ONNX Runtime has no kernel for float64
const binary = (compute: (a: Value, b: Value) => Value, a: readonly number[] = [2, 3], b: readonly number[] = [2, 3], away = 0): Differentiable => {
  const far = numbers('float64', b, 7)
  return { feeds: { a: numbers('float64', a, 5), b: { ...far, values: far.values.map((value) => value + away) } }, build: ({ a: left, b: right }) => compute(left!, right!) }
}
const float = (values: readonly number[], shape = [values.length]) => tensorOf('float64', shape, values)

describe('gradients of elementwise operators', () => {
  agreeWithDifferences({
    Add: binary(Add),
    'Add of a row': binary(Add, [2, 3], [3]),
    'Add of a column': binary(Add, [2, 3], [2, 1]),
    'Add of what both broadcast': binary(Add, [2, 1], [1, 3]),
    'Add of a scalar': binary(Add, [2, 3], []),
    'Add of more dimensions': binary(Add, [1, 3], [2, 2, 3]),
    'Add of ones in all places': binary(Add, [2, 3], [1, 1]),
    'Add of scalars': binary(Add, [], []),
    'Add of a value to itself': unary((x) => Add(x, x)),
    Sub: binary(Sub, [2, 3], [3]),
    'Sub of a value from itself': unary((x) => Sub(Mul(x, x), x)),
    Mul: binary(Mul, [2, 1, 3], [2, 1]),
    'Mul of a value with itself': unary((x) => Mul(x, x)),
    'Mul with a literal': unary((x) => Mul(x, scalar(x, 3))),
    Div: binary(Div, [2, 3], [2, 1], 2),
    'Div of a row': binary(Div, [3], [2, 3], 2),
    'Mod with fmod': binary((a, b) => Mod(Mul(a, scalar(a, 5)), b, { fmod: 1 }), [2, 3], [3], 1.5),
    'Pow by 2': unary((x) => Pow(x, scalar(x, 2))),
    'Pow by 3': unary((x) => Pow(x, scalar(x, 3))),
    'Pow by a literal fraction': unary((x) => Pow(x, scalar(x, -1.5)), positive),
    'Pow by an integer': unary((x) => Pow(x, Cast(scalar(x, 3), { to: 'int64' }))),
    Pow: { feeds: { x: positive, y: numbers('float64', [5], 9) }, build: ({ x, y }) => Pow(x!, y!) },
    Max: binary((a, b) => Max([a, b]), [2, 3], [3]),
    'Max of three': { feeds: { a: numbers('float64', [2, 3], 1), b: numbers('float64', [3], 2), c: numbers('float64', [], 3) }, build: ({ a, b, c }) => Max([a!, b!, c!]) },
    'Max of one': unary((x) => Max([x])),
    Min: binary((a, b) => Min([a, b]), [2, 1], [3]),
    Sum: { feeds: { a: numbers('float64', [2, 3], 1), b: numbers('float64', [3], 2) }, build: ({ a, b }) => Sum([a!, b!, a!]) },
    Mean: { feeds: { a: numbers('float64', [2, 3], 1), b: numbers('float64', [3], 2) }, build: ({ a, b }) => Mean([a!, b!, a!]) },
    Abs: unary(Abs),
    Neg: unary(Neg),
    Sqrt: unary(Sqrt, positive),
    Reciprocal: unary(Reciprocal, positive),
    Exp: unary(Exp),
    Log: unary(Log, positive),
    Tanh: unary(Tanh),
    Sigmoid: unary(Sigmoid),
    Relu: unary(Relu),
    Sin: unary(Sin),
    Cos: unary(Cos),
    Erf: unary(Erf, single),
    'Floor, Ceil, Round and Sign, which are flat': unary((x) => [Floor, Ceil, Round, Sign].map((each) => each(Mul(x, scalar(x, 3)))).reduce((a, b) => Mul(x, Add(a, b)))),
    'Where both are chosen from': { feeds: { a: numbers('float64', [2, 3], 1), b: numbers('float64', [3], 2), c: numbers('float64', [2, 1], 3) }, build: ({ a, b, c }) => Where(Greater(a!, c!), b!, c!) },
    'Where a mask is fed': { feeds: { mask: tensorOf('bool', [2, 1], [1, 0]), a: numbers('float64', [2, 3], 1), b: numbers('float64', [], 2) }, build: ({ mask, a, b }) => Where(mask!, a!, b!) },
    Clip: { feeds: { x: numbers('float64', [4, 5], 1), low: float([-0.3], []), high: float([0.4], []) }, build: ({ x, low, high }) => Clip(x!, low, high) },
    'Clip from below': { feeds: { x: around, low: float([-0.3], []) }, build: ({ x, low }) => Clip(x!, low) },
    'Clip from above': { feeds: { x: around, high: float([0.1], []) }, build: ({ x, high }) => Clip(x!, undefined, high) },
    'Clip to bounds that cross': { feeds: { x: around, low: float([0.4], []), high: float([-0.2], []) }, build: ({ x, low, high }) => Clip(x!, low, high) },
    Cast: unary((x) => Mul(Cast(Mul(x, x), { to: 'float64' }), x)),
    Gelu: unary((x) => Gelu(x), single),
    'Gelu by tanh': unary((x) => Gelu(x, { approximate: 'tanh' })),
    QuickGelu: unary((x) => QuickGelu(x)),
    LeakyRelu: unary((x) => LeakyRelu(x, { alpha: 0.1 })),
    Elu: unary((x) => Elu(x, { alpha: 1.5 })),
    Softplus: unary((x) => Softplus(x)),
    HardSigmoid: unary((x) => HardSigmoid(Mul(x, scalar(x, 4)))),
    HardSwish: unary((x) => HardSwish(Mul(x, scalar(x, 4)))),
    Mish: unary((x) => Mish(x)),
    BiasGelu: { feeds: { a: numbers('float32', [2, 3], 1), b: numbers('float32', [3], 2) }, build: ({ a, b }) => BiasGelu(a!, b!) },
    FastGelu: binary((a, b) => FastGelu(a, b), [2, 3], [3]),
    'float32, once': { feeds: { a: numbers('float32', [2, 3], 1), b: numbers('float32', [3], 2) }, build: ({ a, b }) => Tanh(Mul(a!, Exp(b!))) },
  })
})
