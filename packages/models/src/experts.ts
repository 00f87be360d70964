import { integers, scalar, type Value } from '@tenon/graph'
import { Concat, Div, Gather, Mul, NonZero, OneHot, ReduceSum, Reshape, Shape, Slice, Softmax, Split, TopK, Unsqueeze } from '@tenon/graph/ops'

interface Experts {
  readonly count: number
  /** How many of them a row goes through. */
  readonly chosen: number
  /** Whether their weights sum to 1. */
  readonly isNormalised: boolean
}

/**
 * Each row goes through those experts that its scores are highest for, and gets the sum of what they make of it, weighted by the softmax of its scores. Rows are
 * put in the order of their experts, so that each multiplies the rows it was chosen for and no others: layers like any other, whose weights are read where
 * they lie and quantised as all are.
 * x: [rows, hidden], and so is the result; scores: [rows, experts]
 * @param forward What experts make of their rows, [rows of the expert, hidden], of which there may be none; `sizes` is how many each has: int64 [experts].
 */
export function throughExperts(x: Value, scores: Value, { count, chosen, isNormalised }: Experts, forward: (rows: readonly Value[], sizes: Value) => readonly Value[]): Value {
  const [highest, ids] = x.builder.emit(TopK, [Softmax(scores), integers(x, [chosen])], {}, 2) as [Value, Value] // [rows, chosen]
  const weights = isNormalised ? Div(highest, ReduceSum(highest, integers(x, [1]))) : highest

  // A visit is a row at one of its experts.
  const visits = OneHot(Reshape(ids, integers(x, [-1])), scalar(ids, count), integers(x, [0, 1]), { axis: 0 }) // [experts, rows * chosen]
  const sizes = ReduceSum(visits, integers(x, [1]), { keepdims: 0 }) // [experts]
  const places = NonZero(visits) // expert and number of each visit, expert by expert
  const order = Reshape(Slice(places, integers(x, [1]), integers(x, [2]), integers(x, [0])), integers(x, [-1])) // [rows * chosen]
  const visitors = Gather(x, Div(order, scalar(order, chosen))) // [rows * chosen, hidden]

  const made = Concat(forward(split(visitors, sizes, count), sizes), { axis: 0 })
  const [, back] = x.builder.emit(TopK, [order, Shape(order)], { axis: 0, largest: 0 }, 2) as [Value, Value] // where each visit went
  const sorted = Reshape(Gather(made, back), integers(x, [-1, chosen, x.shape.at(-1) as number])) // [rows, chosen, hidden]
  return Reshape(ReduceSum(Mul(sorted, Unsqueeze(weights, integers(x, [2]))), integers(x, [1]), { keepdims: 0 }), Shape(x))
}

/** What is done to all rows at once, though they are different experts': [rows of each, size] → [rows of each, other size] */
export function together(parts: readonly (readonly Value[])[], sizes: Value, act: (...wholes: readonly Value[]) => Value): readonly Value[] {
  return split(act(...parts.map((each) => Concat(each, { axis: 0 }))), sizes, parts[0]!.length)
}

const split = (x: Value, sizes: Value, count: number): readonly Value[] => x.builder.emit(Split, [x, sizes], { axis: 0 }, count)
