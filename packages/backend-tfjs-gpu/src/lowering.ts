import { TenonError, type Graph, type Node, type ValueInfo } from '@tenon/core'
import { integers, rewrite, type Value, type ValueType } from '@tenon/graph'
import { Add, Cast, DynamicQuantizeLinear, MatMul, Mul, standardOps, Sub, Unsqueeze } from '@tenon/graph/ops'
import { foldConstants, lower, removeDeadCode } from '@tenon/graph/passes'
import { attributesOf, chooseOp } from './choose-op.js'

/** Whether a node can be run, with inputs of these types. */
export function supportsNode(node: Node, inputs: readonly (ValueInfo | undefined)[]): boolean {
  if (integerProducts.has(node.op)) return true
  const outputs = outputsOf(node, inputs)
  return outputs !== undefined && chooseOp({ op: node.op, inputs: inputs.map((input) => input && { dtype: input.dtype, shape: input.shape, onHost: false }), outputs, attributes: node.attributes }) !== undefined
}

function outputsOf({ op, outputs, attributes }: Node, inputs: readonly (ValueType | undefined)[]): readonly ValueType[] | undefined {
  const definition = standardOps.get(op)
  try {
    return definition && ([definition.infer(inputs as never, attributesOf(definition, attributes) as never, { op, outputs: outputs.length, call: op })].flat() as ValueType[])
  } catch (error) {
    if (TenonError.isInstance(error)) return undefined // inputs that it does not take
    throw error
  }
}

/** The graph in operators that run here, without what need not be computed. @throws UnsupportedOpError */
export function lowered(graph: Graph): Graph {
  const simple = lower({ name: 'tfjs', supports: supportsNode }).apply(graph)
  const multiplied = rewrite(simple, ({ node, inputs }) => integerProducts.get(node.op)?.(inputs))
  return removeDeadCode().apply(foldConstants().apply(multiplied))
}

type Inputs = readonly (Value | undefined)[]

/**
 * A product of 8-bit integers in floats, where each product is exact and their sum is up to 2²⁴; beyond that it is rounded,
 * as in the float32 it is cast to. In parts, so that what depends on weights alone is computed once.
 */
function integerProduct(a: Value, b: Value, zeroA: Value | undefined, zeroB: Value | undefined): Value {
  const real = (x: Value, zero: Value | undefined) => (zero === undefined ? Cast(x, { to: 'float32' }) : Sub(Cast(x, { to: 'float32' }), Cast(zero, { to: 'float32' })))
  // One zero point per row of A stands in a column.
  const rows = zeroA?.shape.length === 1 ? Unsqueeze(zeroA, integers(zeroA, [-1])) : zeroA
  return MatMul(real(a, rows), real(b, zeroB))
}

const scaled = (product: Value, scale: Value, bias: Value | undefined): Value => (bias === undefined ? Mul(product, scale) : Add(Mul(product, scale), bias))

/** The operators that multiply 8-bit integers, without the detour over int32 where the result is a float. */
const integerProducts: ReadonlyMap<string, (inputs: Inputs) => Value> = new Map<string, (inputs: Inputs) => Value>([
  ['MatMulInteger', ([a, b, zeroA, zeroB]) => Cast(integerProduct(a!, b!, zeroA, zeroB), { to: 'int32' })],
  ['com.microsoft::MatMulIntegerToFloat', ([a, b, scaleA, scaleB, zeroA, zeroB, bias]) => scaled(integerProduct(a!, b!, zeroA, zeroB), Mul(scaleA!, scaleB!), bias)],
  ['com.microsoft::DynamicQuantizeMatMul', ([a, b, scaleB, zeroB, bias]) => {
    const [codes, scaleA, zeroA] = a!.builder.emit(DynamicQuantizeLinear as never, [a], {}, 3)
    return scaled(integerProduct(codes!, b!, zeroA, zeroB), Mul(scaleA!, scaleB!), bias)
  }],
])
