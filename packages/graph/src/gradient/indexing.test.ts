import { describe } from 'vitest'
import { integers, scalar } from '../literals.js'
import { Mul } from '../ops/elementwise.js'
import { GatherND, OneHot, Pad, ScatterElements, ScatterND, TopK, Trilu } from '../ops/indexing.js'
import { tensorOf } from '../test-support.js'
import { agreeWithDifferences, numbers, type Differentiable } from './test-finite-differences.js'

const places = (shape: readonly number[], list: readonly number[]) => tensorOf('int64', shape, list)
const scattered = (reduction: string): Differentiable => ({
  feeds: { data: numbers('float64', [4, 2], 1), indices: places([3, 1], reduction === 'none' ? [2, 0, 3] : [2, 0, 2]), updates: numbers('float64', [3, 2], 2) },
  build: ({ data, indices, updates }) => ScatterND(data!, indices!, updates!, { reduction }),
  fixed: { indices: [1] },
})
const scatteredElements = (reduction: string, axis: number): Differentiable => ({
  feeds: { data: numbers('float64', [3, 3], 1), indices: places([2, 3], reduction === 'none' ? [2, 0, 1, 1, 2, 0] : [2, 0, 2, 1, 1, 1]), updates: numbers('float64', [2, 3], 2) },
  build: ({ data, indices, updates }) => ScatterElements(data!, indices!, updates!, { axis, reduction }),
})
const padded = (pads: number[], attributes: { mode?: string } = {}, axes?: number[], filler = false): Differentiable => ({
  feeds: { x: numbers('float64', [3, 4], 1), ...(filler && { filler: numbers('float64', [], 2) }) },
  build: ({ x, filler: value }) => Pad(x!, integers(x!, pads), value, axes && integers(x!, axes), attributes),
})

describe('gradients of indexing', () => {
  agreeWithDifferences({
    GatherND: { feeds: { x: numbers('float64', [2, 3, 2]), indices: places([3, 2], [1, 2, 0, 0, 1, 2]) }, build: ({ x, indices }) => GatherND(x!, indices!), fixed: { indices: [1] } },
    'GatherND of rows in batches': { feeds: { x: numbers('float64', [2, 3, 2]), indices: places([2, 2, 1], [1, 1, 0, 2]) }, build: ({ x, indices }) => GatherND(x!, indices!, { batch_dims: 1 }), fixed: { indices: [2] } },
    'GatherND of elements in two batches': { feeds: { x: numbers('float64', [2, 2, 3]), indices: places([2, 2, 1], [1, 1, 0, 2]) }, build: ({ x, indices }) => GatherND(x!, indices!, { batch_dims: 2 }), fixed: { indices: [2] } },
    ScatterND: scattered('none'),
    'ScatterND that adds': scattered('add'),
    'ScatterND that multiplies': scattered('mul'),
    'ScatterND of the largest': scattered('max'),
    'ScatterND of the smallest': scattered('min'),
    ScatterElements: scatteredElements('none', 1),
    'ScatterElements that adds': scatteredElements('add', 0),
    'ScatterElements that multiplies': scatteredElements('mul', 1),
    'ScatterElements of the largest': scatteredElements('max', 1),
    'ScatterElements of the smallest': scatteredElements('min', 0),
    TopK: { feeds: { x: numbers('float64', [2, 5]) }, build: ({ x }) => x!.builder.emit(TopK as never, [x, integers(x!, [2])], { axis: 1 }, 2)[0]! },
    'TopK of the smallest': { feeds: { x: numbers('float64', [5, 2]) }, build: ({ x }) => x!.builder.emit(TopK as never, [x, integers(x!, [3])], { axis: 0, largest: 0 }, 2)[0]! },
    OneHot: { feeds: { indices: places([3], [2, 0, 9]), values: numbers('float32', [2]) }, build: ({ indices, values }) => OneHot(indices!, scalar(indices!, 4), values!, { axis: 0 }), fixed: { values: [0] } },
    'Trilu, the upper triangle': { feeds: { x: numbers('float64', [2, 3, 3]) }, build: ({ x }) => Trilu(x!, scalar(integers(x!, []), 1)) },
    'Trilu, the lower triangle': { feeds: { x: numbers('float64', [3, 4]) }, build: ({ x }) => Trilu(x!, undefined, { upper: 0 }) },
    Pad: padded([1, 0, 0, 2]),
    'Pad with a value': padded([1, 0, 0, 2], {}, undefined, true),
    'Pad along some axes': padded([2, 1], {}, [-1], true),
    'Pad that cuts': padded([-1, 1, 0, -2], {}, undefined, true),
    'Pad by amounts that are fed': { feeds: { x: numbers('float64', [3, 4]), pads: places([4], [1, -1, 0, 2]) }, build: ({ x, pads }) => Mul(Pad(x!, pads!), Pad(x!, pads!)), fixed: { pads: [0] } },
    'Pad with the edge': padded([2, 1, 1, 0], { mode: 'edge' }),
    'Pad with the reflection': padded([2, 3, 0, 1], { mode: 'reflect' }),
    'Pad with what comes round': padded([1, 2], { mode: 'wrap' }, [1]),
  })
})
