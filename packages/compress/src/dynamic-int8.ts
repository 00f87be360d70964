import { bytesOf, checkOptions, inlineConstant, InvalidOptionError, lazyConstant, type Compressor, type Constant, type Graph, type Node, type Pass } from '@tenon/core'
import { integers, rewrite, scalar, type GraphBuilder, type Rule, type Value } from '@tenon/graph'
import { Abs, Add, Cast, Div, DynamicQuantizeLinear, Gather, MatMulIntegerToFloat, Max, Mul, QuantizeLinear, ReduceMax, Unsqueeze } from '@tenon/graph/ops'
import { weightLayout } from './weight-layout.js'
import { quantizeChannels, SMALLEST_NORMAL, type ChannelLayout } from './quantize-channels.js'
import { destinationOf, floorOf, isAverageOfEvenRows, normOf, smoothingScales, type Reader } from './smooth.js'

export interface DynamicInt8Options {
  /**
   * Divides each row by its largest magnitude before it is quantised and multiplies it back after. Activations
   * get one scale per tensor: without the guard, one massive token leaves nothing of the others (Dettmers et al.
   * 2022 describe such tokens). Left out where rows are averages of normalised ones. Default true.
   */
  readonly outlierGuard?: boolean
  /** Evens out the columns of what comes from a layer norm, by the norm's own parameters. Default true. */
  readonly smoothing?: boolean
  /** Whether embedding tables become bytes too, with a scale per row. Default true. */
  readonly embeddings?: boolean
  /** Matrices of fewer elements stay as they are: a small head gains nothing. Default 4096. */
  readonly smallest?: number
}

/**
 * The compressor plugin `'dynamic-int8'`: weights as signed bytes, activations quantised as they come.
 * @param defaults Hold unless a task asks for something else.
 * @throws InvalidOptionError
 * @example
 * const runtime = createRuntime({ plugins: [files(), onnx(), bert(), embedding(), dynamicInt8()] })
 * const embed = await runtime.task('embedding', { model, compress: { name: 'dynamic-int8', embeddings: false } })
 */
export function dynamicInt8(defaults: DynamicInt8Options = {}): Compressor<'dynamic-int8', DynamicInt8Options> {
  settingsOf(defaults)
  return {
    kind: 'compressor',
    version: 'v1',
    name: 'dynamic-int8',
    pass: (options) => quantizeDynamically({ ...defaults, ...options }),
  }
}

/** @throws InvalidOptionError */
function settingsOf(options: DynamicInt8Options) {
  checkOptions('dynamic-int8', options, ['outlierGuard', 'smoothing', 'embeddings', 'smallest'])
  const { outlierGuard = true, smoothing = true, embeddings = true, smallest = 4096 } = options
  if (!(smallest >= 0)) throw new InvalidOptionError({ where: 'dynamic-int8', option: 'smallest', problem: `is ${smallest}`, remedy: 'Give a number of elements, from 0 up' })
  return { outlierGuard, smoothing, embeddings, smallest }
}

/**
 * Linear layers and embedding tables over constant float32 weights become 8-bit: weights signed and symmetric
 * with a scale per output channel, computed when a backend asks for them; activations unsigned, per run.
 * A quarter of the size. Matrix products of two activations, as in attention, are left alone.
 * @throws InvalidOptionError
 * @example
 * await writeOnnx(quantizeDynamically().apply(model), 'model/onnx/model_quantized.onnx')
 */
export function quantizeDynamically(options: DynamicInt8Options = {}): Pass {
  settingsOf(options)
  return { name: 'dynamic-int8', apply: (graph) => rewrite(graph, quantizeRule(graph, options, () => true)) }
}

/**
 * What takes the place of each of a graph's nodes.
 * @param wanted Which linear layers become 8-bit.
 * @param rowsApart Whether the bytes of a row are to be the same whatever rows stand beside it: a prompt that is read in parts is then
 * what it is at once. They cover −1 to 1 of what the guard divided, and not the range that the rows have together.
 */
export function quantizeRule(graph: Graph, options: DynamicInt8Options, wanted: (node: Node) => boolean, { rowsApart = false }: { readonly rowsApart?: boolean } = {}): Rule {
  const settings = settingsOf(options)
  const worthwhile = (constant: Constant | undefined): constant is Constant =>
    constant?.dtype === 'float32' && constant.shape.length === 2 && constant.shape[0]! * constant.shape[1]! >= settings.smallest

  const readers = readersOf(graph, worthwhile)
  const weights = weightQuantizer()
  const activations = activationQuantizer({ ...settings, rowsApart }, graph, readers)
  return ({ node, inputs, builder }) => {
    const layout = weightLayout(node)
    if (layout !== undefined) {
      if (!wanted(node)) return undefined
      const [x, weight, bias] = inputs as [Value, Value, Value | undefined]
      const constant = builder.constantOf(weight)
      if (!worthwhile(constant)) return undefined
      const input = activations(builder, x, node.inputs[0]!)
      return product(input, weights(weight, constant, layout, input), bias)
    }
    if (node.op === Gather.op && settings.embeddings && (node.attributes['axis'] ?? 0) === 0) {
      const [table, ids] = inputs as [Value, Value]
      const constant = builder.constantOf(table)
      return worthwhile(constant) ? lookup(ids, weights(table, constant, TABLE)) : undefined
    }
    return undefined
  }
}

/** The weights that read each value, by the value's name. */
function readersOf(graph: Graph, worthwhile: (constant: Constant | undefined) => constant is Constant): ReadonlyMap<string, readonly Reader[]> {
  const readers = new Map<string, Reader[]>()
  for (const node of graph.nodes) {
    const layout = weightLayout(node)
    const weight = graph.constants.get(node.inputs[1] ?? '')
    if (layout === undefined || !worthwhile(weight)) continue
    const x = node.inputs[0]!
    readers.set(x, [...(readers.get(x) ?? []), { weight, axis: layout.axis === 0 ? 1 : 0, destination: () => destinationOf(graph, node.outputs[0]!) }])
  }
  return readers
}

/** Rows as unsigned bytes, and what undoes it. */
interface QuantizedRows {
  readonly values: Value
  readonly scale: Value
  readonly zero: Value
  /** [rows, 1]: what each row was divided by, under the guard. */
  readonly rowScales: Value | undefined
  /** What each column was divided by, which the weights make up for. */
  readonly columnScales: (() => Promise<Float32Array>) | undefined
  /** Tells smoothed weights of one layer from those of another. */
  readonly name: string
}

/** Quantises a value once for all the layers that read it. */
function activationQuantizer({ outlierGuard, smoothing, rowsApart }: { outlierGuard: boolean; smoothing: boolean; rowsApart: boolean }, graph: Graph, readers: ReadonlyMap<string, readonly Reader[]>) {
  const known = new Map<Value, QuantizedRows>()
  return (builder: GraphBuilder, x: Value, name: string): QuantizedRows => {
    const quantized = known.get(x) ?? quantize()
    known.set(x, quantized)
    return quantized

    function quantize(): QuantizedRows {
      const norm = smoothing ? normOf(builder, x) : undefined
      let scales: Promise<Float32Array> | undefined
      const columnScales = norm && (() => (scales ??= smoothingScales(norm, readers.get(name)!)))
      const columns = x.shape.at(-1) as number
      const even = columnScales === undefined ? x : Mul(x, builder.constant(lazyConstant('float32', [columns], async () => bytesOf((await columnScales()).map((scale) => 1 / scale))), `${name}_smoothing`))
      const rowScales = rowsApart || (outlierGuard && !isAverageOfEvenRows(graph, name)) ? largestOfRows(builder, even) : undefined
      const rows = rowScales === undefined ? even : Div(even, rowScales)
      const [values, scale, zero] = rowsApart ? overOne(rows) : (builder.emit(DynamicQuantizeLinear, [rows], {}, 3) as [Value, Value, Value])
      return { values, scale, zero, rowScales, columnScales, name }
    }
  }
}

/** Numbers from −1 to 1 as bytes, with the scale and the zero point. */
function overOne(rows: Value): [Value, Value, Value] {
  const scale = scalar(rows, 1 / 127)
  const zero = rows.builder.constant(inlineConstant('uint8', [], Uint8Array.of(128)))
  return [QuantizeLinear(rows, scale, zero), scale, zero]
}

/** The largest magnitude of each row, and never 0, which a row of zeros would be divided by: [rows, 1] */
function largestOfRows(builder: GraphBuilder, x: Value): Value {
  const floor = floorOf(builder, x)
  const largest = ReduceMax(floor === undefined ? Abs(x) : x, integers(x, [-1]))
  return Max([largest, scalar(x, Math.max(-(floor ?? 0), SMALLEST_NORMAL))])
}

/** Embedding tables keep their layout and have a scale per row. */
const TABLE: ChannelLayout = { axis: 0, transpose: false, suffix: '_rows' }

interface QuantizedWeight {
  readonly values: Value
  readonly scales: Value
}

/** Adds a weight's bytes and scales to the graph, once for all who use it the same way: tied weights stay tied. */
function weightQuantizer() {
  const known = new Map<string, QuantizedWeight>()
  return (weight: Value, constant: Constant, layout: ChannelLayout, input?: QuantizedRows): QuantizedWeight => {
    const { builder, name } = weight
    const stem = `${name}${layout.suffix}${input?.columnScales === undefined ? '' : `_for_${input.name}`}`
    const quantized = known.get(stem) ?? quantize()
    known.set(stem, quantized)
    return quantized

    function quantize(): QuantizedWeight {
      const { values, scales } = quantizeChannels(constant, layout, input?.columnScales)
      return { values: builder.constant(values, `${stem}_int8`), scales: builder.constant(scales, `${stem}_scale`) }
    }
  }
}

function product({ values, scale, zero, rowScales }: QuantizedRows, weight: QuantizedWeight, bias: Value | undefined): Value {
  const channels = weight.scales.shape as readonly [number]
  const weightZero = values.builder.constant(inlineConstant('int8', [], Int8Array.of(0)))
  // The product takes a bias of one number per channel only; Gemm's may be a scalar or a matrix.
  const within = rowScales === undefined && bias?.shape.join() === channels.join() ? bias : undefined
  const multiplied = MatMulIntegerToFloat(values, weight.values, scale, weight.scales, zero, weightZero, within)
  const restored = rowScales === undefined ? multiplied : Mul(multiplied, rowScales)
  return bias === within ? restored : Add(restored, bias!)
}

/** Rows are fetched as bytes and scaled one by one: the table itself is never widened. */
function lookup(ids: Value, { values, scales }: QuantizedWeight): Value {
  const rows = Cast(Gather(values, ids), { to: 'float32' })
  return Mul(rows, Unsqueeze(Gather(scales, ids), integers(ids, [-1])))
}
