import { checkOptions, inlineConstant, type Compressor, type Constant, type Pass } from '@tenon/core'
import { integers, rewrite, scalar, type OpTable, type Value, type Visit } from '@tenon/graph'
import { Abs, Add, Cast, Div, DynamicQuantizeMatMul, Gather, Max, Mul, ReduceMax, standardOps, Unsqueeze } from '@tenon/graph/ops'
import { quantizeChannels, type ChannelLayout } from './quantize-channels.js'

export interface DynamicInt8Options {
  /**
   * Divides each row by its largest magnitude before it is quantised and multiplies it back after. Activations
   * get one scale per tensor: without the guard, one massive token leaves nothing of the others (Dettmers et al.
   * 2022 describe such tokens). Default true.
   */
  readonly outlierGuard?: boolean
  /** Whether embedding tables become bytes too, with a scale per row. Default true. */
  readonly embeddings?: boolean
  /** Matrices of fewer elements stay as they are: a small head gains nothing. Default 4096. */
  readonly smallest?: number
}

/** The compressor plugin `'dynamic-int8'`: weights as signed bytes, activations quantised as they come. */
export function dynamicInt8(defaults: DynamicInt8Options = {}): Compressor<'dynamic-int8', DynamicInt8Options> {
  return {
    kind: 'compressor',
    version: 'v1',
    name: 'dynamic-int8',
    pass: (options) => quantizeDynamically({ ...defaults, ...options }),
  }
}

/**
 * Linear layers and embedding tables over constant float32 weights become 8-bit: weights signed and symmetric
 * with a scale per output channel, computed when a backend asks for them; activations unsigned, per run.
 * A quarter of the size. Matrix products of two activations, as in attention, are left alone.
 * @throws InvalidOptionError
 */
export function quantizeDynamically(options: DynamicInt8Options = {}, ops: OpTable = standardOps): Pass {
  checkOptions('dynamic-int8', options, ['outlierGuard', 'embeddings', 'smallest'])
  const settings = { outlierGuard: true, embeddings: true, smallest: 4096, ...options }
  return {
    name: 'dynamic-int8',
    apply(graph) {
      const quantize = quantizer()
      return rewrite(graph, ops, (visit) => {
        const read = readers[visit.node.op]?.(visit)
        if (read === undefined) return undefined
        const weight = visit.builder.constantOf(read.weight)
        if (weight?.dtype !== 'float32' || weight.shape.length !== 2 || weight.shape[0]! * weight.shape[1]! < settings.smallest) return undefined
        if ('ids' in read) return settings.embeddings ? lookup(read, quantize(read.weight, weight, TABLE)) : undefined
        return product(read, quantize(read.weight, weight, read.layout), settings.outlierGuard)
      })
    },
  }
}

interface Product {
  readonly x: Value
  readonly weight: Value
  readonly bias: Value | undefined
  readonly layout: ChannelLayout
}

interface Lookup {
  readonly weight: Value
  readonly ids: Value
}

/** How each op that this pass knows uses a weight; `undefined` where it uses it otherwise. */
const readers: Readonly<Record<string, (visit: Visit) => Product | Lookup | undefined>> = {
  MatMul: ({ inputs: [x, weight] }) => ({ x: x!, weight: weight!, bias: undefined, layout: { axis: 1, transpose: false } }),
  Gemm: ({ inputs: [x, weight, bias], node: { attributes } }) => {
    const { alpha = 1, beta = 1, transA = 0, transB = 0 } = attributes
    if (alpha !== 1 || beta !== 1 || transA !== 0) return undefined
    return { x: x!, weight: weight!, bias, layout: transB === 1 ? { axis: 0, transpose: true } : { axis: 1, transpose: false } }
  },
  Gather: ({ inputs: [weight, ids], node: { attributes } }) => ((attributes['axis'] ?? 0) === 0 ? { weight: weight!, ids: ids! } : undefined),
}

/** Embedding tables keep their layout and have a scale per row. */
const TABLE: ChannelLayout = { axis: 0, transpose: false }

interface QuantizedWeight {
  readonly values: Value
  readonly scales: Value
}

/** Adds a weight's bytes and scales to the graph, once for all who use it the same way: tied weights stay tied. */
function quantizer(): (weight: Value, constant: Constant, layout: ChannelLayout) => QuantizedWeight {
  const known = new Map<string, QuantizedWeight>()
  return (weight, constant, layout) => {
    const { builder, name } = weight
    const stem = layout === TABLE ? `${name}_rows` : name
    const quantized = known.get(stem) ?? add()
    known.set(stem, quantized)
    return quantized

    function add(): QuantizedWeight {
      const { values, scales } = quantizeChannels(constant, layout)
      return { values: builder.constant(values, `${stem}_int8`), scales: builder.constant(scales, `${stem}_scale`) }
    }
  }
}

/** x: [rows, inputs] */
function product({ x, bias }: Product, { values, scales }: QuantizedWeight, guard: boolean): Value {
  const channels = scales.shape as readonly [number]
  const zeros = x.builder.constant(inlineConstant('int8', channels, new Int8Array(channels[0])))
  if (!guard) return DynamicQuantizeMatMul(x, values, scales, zeros, bias)
  const largest = Max([ReduceMax(Abs(x), integers(x, [-1])), scalar(x, SMALLEST_NORMAL)]) // [rows, 1]
  const restored = Mul(DynamicQuantizeMatMul(Div(x, largest), values, scales, zeros), largest)
  return bias === undefined ? restored : Add(restored, bias)
}

/** What a row of zeros is divided by: the smallest float32 that no processor flushes to 0. */
const SMALLEST_NORMAL = 2 ** -126

/** Rows are fetched as bytes and scaled one by one: the table itself is never widened. */
function lookup({ ids }: Lookup, { values, scales }: QuantizedWeight): Value {
  const rows = Cast(Gather(values, ids), { to: 'float32' })
  return Mul(rows, Unsqueeze(Gather(scales, ids), integers(ids, [-1])))
}
