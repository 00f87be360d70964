import { inlineConstant } from '@tenon/core'
import { describe } from 'vitest'
import { integers, scalar } from '../literals.js'
import type { Value } from '../op.js'
import { Cast, Mul } from '../ops/elementwise.js'
import { Concat, ConstantOfShape, Expand, Flatten, Gather, GatherElements, Identity, Range, Reshape, Shape, Slice, Split, Squeeze, Tile, Transpose, Unsqueeze } from '../ops/movement.js'
import { tensorOf } from '../test-support.js'
import { agreeWithDifferences, numbers, type Differentiable } from './test-finite-differences.js'

const of = (compute: (x: Value) => Value | readonly Value[], shape: readonly number[] = [2, 3, 4], fixed: Differentiable['fixed'] = {}): Differentiable => ({ feeds: { x: numbers('float64', shape) }, build: ({ x }) => compute(x!), fixed })
const cut = (starts: number[], ends: number[], axes?: number[], steps?: number[], shape?: number[]): Differentiable => of((x) => Slice(x, integers(x, starts), integers(x, ends), axes && integers(x, axes), steps && integers(x, steps)), shape)
const fed = (values: readonly number[]) => tensorOf('int64', [values.length], values)
const picked = (shape: readonly number[], indices: readonly number[], axis: number, rank: readonly number[] = [indices.length]): Differentiable => ({
  feeds: { x: numbers('float64', shape), indices: tensorOf('int64', rank, indices) },
  build: ({ x, indices: places }) => Gather(x!, places!, { axis }),
})

const END = 2 ** 31
const farthest = (x: Value) => x.builder.constant(inlineConstant('int64', [1], BigInt64Array.of(2n ** 63n - 1n)))

describe('gradients of movement', () => {
  agreeWithDifferences({
    Identity: of(Identity),
    Reshape: of((x) => Reshape(x, integers(x, [0, -1]))),
    'Reshape to one more dimension': of((x) => Reshape(x, integers(x, [0, 0, 2, 2])), [2, 3, 4], { x: [2] }),
    'Reshape to a shape of a run': of((x) => Reshape(x, Concat([integers(x, [-1]), Shape(x, { start: 0, end: 1 })], { axis: 0 }))),
    'Reshape of a scalar': of((x) => Reshape(x, integers(x, [1, 1])), []),
    Flatten: of((x) => Flatten(x, { axis: 2 })),
    Unsqueeze: of((x) => Unsqueeze(x, integers(x, [0, -1]))),
    Squeeze: of((x) => Squeeze(x, integers(x, [1])), [2, 1, 3], { x: [1] }),
    'Squeeze of all ones': of((x) => Squeeze(x), [1, 2, 1], true),
    Transpose: of((x) => Mul(Transpose(x, { perm: [2, 0, 1] }), Transpose(x, { perm: [2, 0, 1] }))),
    'Transpose to the reverse': of((x) => Transpose(x)),
    'Transpose of what was transposed': of((x) => Transpose(Transpose(x, { perm: [2, 0, 1] }), { perm: [0, 2, 1] })),
    Expand: of((x) => Expand(x, integers(x, [2, 2, 3])), [2, 1]),
    'Expand to less': of((x) => Expand(x, integers(x, [1, 3])), [2, 1]),
    'Expand to a shape that is fed': { feeds: { x: numbers('float64', [2, 1]), shape: fed([3, 1, 4]) }, build: ({ x, shape }) => Expand(x!, shape!), fixed: { shape: [0] } },
    Concat: { feeds: { a: numbers('float64', [2, 1], 1), b: numbers('float64', [2, 3], 2) }, build: ({ a, b }) => Concat([a!, b!, a!], { axis: -1 }) },
    'Concat of one': of((x) => Concat([x], { axis: 0 })),
    'Concat with what has no gradient': of((x) => Concat([x, Cast(ConstantOfShape(Shape(x)), { to: 'float64' })], { axis: 1 })),
    Split: of((x) => x.builder.emit(Split as never, [x, integers(x, [1, 2])], { axis: 1 }, 2)),
    'Split of which one part is used': of((x) => x.builder.emit(Split as never, [x], { axis: 2, num_outputs: 2 }, 2)[1]!, [2, 3, 4], { x: [2] }),
    'Split into sizes that are fed': { feeds: { x: numbers('float64', [5, 2]), sizes: fed([1, 0, 4]) }, build: ({ x, sizes }) => x!.builder.emit(Split as never, [x, sizes], { axis: 0 }, 3).filter((_, index) => index !== 1), fixed: { sizes: [0] } },
    'Slice from the start': cut([0], [2], [1]),
    'Slice to the end': cut([1], [END], [2]),
    'Slice from behind': cut([-2], [-1], [1]),
    'Slice of several dimensions': cut([1, 0, -3], [2, 2, -1]),
    'Slice beyond the size': { ...cut([-9, 1], [9, 9], [0, 2]), fixed: true },
    'Slice with steps': cut([0], [END], [2], [2]),
    'Slice with steps and without': cut([1, 1], [END, 3], [2, 1], [2, 1]),
    'Slice with steps to an end as exporters write it': of((x) => Slice(x, integers(x, [1]), farthest(x), integers(x, [-1]), integers(x, [2]))),
    'Slice of what was transposed, transposed': of((x) => Transpose(Slice(Transpose(x, { perm: [0, 2, 1, 3] }), integers(x, [1]), integers(x, [END]), integers(x, [3])), { perm: [0, 2, 1, 3] }), [2, 2, 3, 4]),
    'Slice backwards': cut([-1], [-END], [1], [-1]),
    'Slice backwards with steps': cut([3, -1], [0, -END], [2, 0], [-2, -1]),
    'Slice at places that are fed': { feeds: { x: numbers('float64', [4, 5]), starts: fed([-3, 1]), ends: fed([4, 3]) }, build: ({ x, starts, ends }) => Slice(x!, starts!, ends!), fixed: { starts: [0], ends: [0] } },
    'Slice with steps that are fed': { feeds: { x: numbers('float64', [4, 5]), steps: fed([-2, 1]) }, build: ({ x, steps }) => Slice(x!, integers(x!, [3, 1]), integers(x!, [0, 4]), integers(x!, [1, 0]), steps), fixed: { steps: [0] } },
    'Gather of rows, one twice': picked([3, 2], [2, 0, 2, -1], 0),
    'Gather along the last dimension': picked([2, 3, 4], [3, 0, 3], -1),
    'Gather in the middle by a matrix': picked([2, 3, 2], [2, 0, 1, 1], 1, [2, 2]),
    'Gather by a scalar': picked([2, 3, 2], [1], 1, []),
    'Gather of rows by a matrix': picked([4, 2], [2, 0, 1, 3, 3, 3], 0, [3, 2]),
    'Gather of the first place': of((x) => Gather(x, scalar(integers(x, []), 0), { axis: 1 })),
    'Gather of the last place': of((x) => Gather(x, scalar(integers(x, []), -1), { axis: 0 })),
    'Gather of one place, its dimension kept': of((x) => Gather(x, integers(x, [1]), { axis: 2 })),
    'Gather of fixed places': of((x) => Gather(x, integers(x, [2, 2, 0]), { axis: 1 })),
    GatherElements: { feeds: { x: numbers('float64', [2, 3]), indices: tensorOf('int64', [2, 2], [2, 2, 0, -1]) }, build: ({ x, indices }) => GatherElements(x!, indices!, { axis: 1 }) },
    'GatherElements along the first dimension': { feeds: { x: numbers('float64', [3, 2]), indices: tensorOf('int64', [4, 1], [2, 2, 0, 1]) }, build: ({ x, indices }) => GatherElements(x!, indices!) },
    Tile: of((x) => Tile(x, integers(x, [2, 1, 3]))),
    'Tile as often as is fed': { feeds: { x: numbers('float64', [2, 3]), repeats: fed([2, 2]) }, build: ({ x, repeats }) => Tile(x!, repeats!), fixed: { repeats: [0] } },
    Range: { feeds: { start: numbers('float64', [], 1), delta: numbers('float64', [], 2) }, build: ({ start, delta }) => Range(start!, scalar(start!, -7.3), delta!) },
  })
})
