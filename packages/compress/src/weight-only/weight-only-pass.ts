import { type BlockQuantization, type Constant, type Graph, type Node, type Pass } from '@tenon/core'
import { rewrite, type Rule, type Value } from '@tenon/graph'
import { Add, Cast, Gather, Gemm, MatMul, MatMulNBits } from '@tenon/graph/ops'
import { quantizeRule } from '../dynamic-int8.js'
import { weightLayout } from '../weight-layout.js'
import { derive, storedOf } from '../weights/derive.js'
import { dequantizeBlocks } from './dequantize-blocks.js'
import { expertsOf, hasExperts } from './experts-of.js'
import { finerActivations, INT8_ACTIVATIONS } from './finer-activations.js'
import { headsOf } from './heads-of.js'
import type { Format, Settings } from './options.js'

/** The pass for graphs of a role. */
export function weightOnlyPass(settings: Settings, role: string): Pass {
  const reads = role === 'prefill' && settings.prefill === 'int8'
  const inTwoForms = (graph: Graph) => reads && (settings.isPrefillChosen || !hasExperts(graph))
  return {
    name: reads ? 'weight-only, for prompts' : 'weight-only',
    apply(graph) {
      const narrowed = inTwoForms(graph) ? inBytes(graph, settings) : rewrite(graph, blocksRule(graph, settings))
      return settings.activations === 'int16' ? finerActivations(narrowed) : narrowed
    },
  }
}

/**
 * All layers in bytes with integer products, also those that lie in blocks; but for the heads, whose products are as few in a prompt as in a step, for
 * experts, which have few rows of a prompt each and would be kept twice, and for what chooses among them. The others in blocks.
 */
function inBytes(graph: Graph, settings: Settings): Graph {
  const before = apartOf(graph)
  const isInBlocks = graph.nodes.some(({ op }) => op === MatMulNBits.op)
  const widened = !isInBlocks ? graph : rewrite(graph, ({ node, inputs, builder }) => {
    if (node.op !== MatMulNBits.op || before.has(node)) return undefined
    const [x, codes, scales, zeroPoints, groups, bias] = inputs as [Value, Value, Value, Value?, Value?, Value?]
    const { K, N, bits, block_size: blockSize } = node.attributes as { readonly K: number; readonly N: number; readonly bits: number; readonly block_size: number }
    const [code, scale, zero] = [codes, scales, zeroPoints].map((value) => value && builder.constantOf(value))
    if (groups !== undefined || code === undefined || scale?.dtype !== 'float32' || (zeroPoints !== undefined && zero?.dtype !== 'uint8') || (bits !== 4 && bits !== 8)) return undefined
    const blocks = { bits, blockSize, codes: code as Constant<'uint8'>, scales: scale as Constant<'float32'>, ...(zero && { zeroPoints: zero as Constant<'uint8'> }) } satisfies BlockQuantization
    const weight = builder.constant(dequantizeBlocks(blocks, N, K), `${codes.name}_widened`)
    return x.shape.length === 2 ? Gemm(x, weight, bias, { transB: 1 }) : undefined
  })
  const apart = widened === graph ? before : apartOf(widened)
  const bytes = quantizeRule(widened, { embeddings: false, smallest: settings.smallest }, (node) => !apart.has(node), { rowsApart: true })
  const blocks = blocksRule(widened, settings)
  let changed = false
  const smaller = rewrite(widened, (visit) => {
    const replacement = bytes(visit)
    changed ||= replacement !== undefined
    return replacement ?? blocks(visit)
  })
  return changed || widened === graph ? smaller : rewrite(graph, blocksRule(graph, settings)) // what was widened and is too small stays in its blocks
}

function apartOf(graph: Graph): ReadonlySet<Node> {
  const { layers, routers } = expertsOf(graph)
  return new Set([...headsOf(graph), ...layers, ...routers])
}

/** Linear layers over constant weights, and tables, in fewer bits. */
function blocksRule(graph: Graph, settings: Settings): Rule {
  const heads = headsOf(graph)
  const { routers } = expertsOf(graph) // small, and where they are off, rows go elsewhere
  const known = new Map<string, Value | Blocks>()
  const once = <T extends Value | Blocks>(name: string, make: () => T): T => {
    const made = (known.get(name) as T | undefined) ?? make()
    known.set(name, made)
    return made
  }
  const worthwhile = (constant: Constant | undefined): constant is Constant =>
    constant?.dtype === 'float32' && constant.shape.length === 2 && constant.shape[0]! * constant.shape[1]! >= settings.smallest

  return ({ node, inputs, builder }) => {
    const layout = routers.has(node) ? undefined : weightLayout(node)
    if (layout !== undefined) {
      const [x, weight, bias] = inputs as [Value, Value, Value | undefined]
      const constant = builder.constantOf(weight)
      if (!worthwhile(constant)) return undefined
      const format: Format = heads.has(node) ? settings.head : settings
      if (format.bits === 16 && constant.blocks === undefined) {
        const halves = once(`${weight.name}_16`, () => Cast(builder.constant(halved(constant), `${weight.name}_16`), { to: 'float32' }))
        return node.op === Gemm.op ? Gemm(x, halves, bias, node.attributes) : MatMul(x, halves)
      }
      const { bits, blockSize } = constant.blocks ?? (format as { readonly bits: 4 | 8; readonly blockSize: number })
      const [N, K] = layout.axis === 0 ? constant.shape : constant.shape.toReversed()
      if (constant.blocks !== undefined && (constant.blocks.transposed === true ? 1 : 0) !== layout.axis) return undefined // blocks lie along what is summed
      const { codes, scales, zeroPoints } = once(`${weight.name}${layout.suffix}_int${bits}_${blockSize}`, () => inBlocks(weight, constant, layout.axis, layout.suffix, { bits, blockSize }))
      const within = bias?.shape.join() === `${N}` ? bias : undefined
      const product = MatMulNBits(x, codes, scales, zeroPoints, undefined, within, { K: K!, N: N!, bits, block_size: blockSize, accuracy_level: INT8_ACTIVATIONS })
      return bias === within ? product : Add(product, bias!)
    }
    if (node.op === Gather.op && (node.attributes['axis'] ?? 0) === 0) {
      const [table, ids] = inputs as [Value, Value]
      const constant = builder.constantOf(table)
      if (constant === undefined || !worthwhile(constant) || storedOf(constant) === constant) return undefined
      const stored = once(`${table.name}_stored`, () => builder.constant(storedOf(constant), `${table.name}_stored`))
      return Cast(Gather(stored, ids), { to: 'float32' })
    }
    return undefined
  }
}

interface Blocks {
  readonly codes: Value
  readonly scales: Value
  readonly zeroPoints: Value | undefined
}

function inBlocks({ builder, name }: Value, constant: Constant, axis: 0 | 1, suffix: string, { bits, blockSize }: { readonly bits: 4 | 8; readonly blockSize: number }): Blocks {
  const stem = `${name}${suffix}_int${bits}_${blockSize}`
  const { codes, scales, zeroPoints } = constant.blocks ?? quantizeBlocks(constant, axis, { bits, blockSize })
  return {
    codes: builder.constant(codes, stem),
    scales: builder.constant(scales, `${stem}_scale`),
    zeroPoints: zeroPoints && builder.constant(zeroPoints, `${stem}_zero`),
  }
}

/** A matrix in blocks along the axis that does not count output channels; computed when asked for. */
export function quantizeBlocks(weight: Constant, axis: 0 | 1, { bits, blockSize }: { readonly bits: 4 | 8; readonly blockSize: number }): BlockQuantization {
  const channels = weight.shape[axis]!
  const blocks = Math.ceil(weight.shape[1 - axis]! / blockSize)
  const [codes, scales] = derive({
    recipe: { kind: 'blocks', bits, blockSize },
    weight,
    axis,
    parts: [
      { dtype: 'uint8', shape: [channels, blocks, (blockSize * bits) / 8] },
      { dtype: 'float32', shape: [channels, blocks] },
    ],
  })
  return { bits, blockSize, codes: codes as Constant<'uint8'>, scales: scales as Constant<'float32'> }
}

/** 16 bits: those that the weight is stored in, or float16. */
function halved(weight: Constant): Constant {
  const stored = storedOf(weight)
  if (stored !== weight) return stored
  return derive({ recipe: { kind: 'half' }, weight, axis: 0, parts: [{ dtype: 'float16', shape: weight.shape }] })[0]!
}
