import { inlineConstant, NoSuchHeadError, type Checkpoint, type Graph, type Model } from '@tenon/core'
import { GraphBuilder, integers, scalar, type Value } from '@tenon/graph'
import { Add, Cast, Concat, Gather, GroupQueryAttention, Range, ReduceMax, ReduceSum, Reshape, RotaryEmbedding, Shape, Squeeze, Sub, Unsqueeze } from '@tenon/graph/ops'
import { fuseSkipNorm, mergeProducts } from '@tenon/graph/passes'
import { only } from './config.js'
import { fromRows, linear, toRows } from './layers.js'
import { readExported } from './read-exported.js'
import { revised } from './revision.js'
import { texts } from './texts.js'
import { Weights, type Spellings } from './weights.js'

/** The sizes that a cache of keys and values has. */
export interface DecoderConfig {
  readonly layers: number
  readonly heads: number
  readonly kvHeads: number
  readonly headSize: number
}

/** What the graph of a decoder reads: whole texts, or those tokens that come next, with the keys and values of the ones before. */
export interface Tokens {
  /** [batch, sequence] */
  readonly ids: Value
  /** How many tokens each text has, these included, less one: int32 [batch]. */
  readonly last: Value
  /** The most tokens that a text has, these included: int32 scalar. */
  readonly total: Value
  /** Where keys and values of a layer are kept, [batch, kv heads, capacity, head size]; `undefined` where texts are whole. */
  readonly past: readonly Cached[] | undefined
  /** Keeps a layer's keys and values, the new among them, where they were. */
  keep(layer: number, key: Value, value: Value): void
  /** The states that get logits: [batch * sequence, hidden] → [batch * scored, hidden] */
  scored(x: Value): Value
}

interface Cached {
  readonly key: Value
  readonly value: Value
}

/** A family of decoders: how its config is read, and the logits it gives. */
export interface DecoderFamily<Name extends string, Config extends DecoderConfig> {
  readonly name: Name
  config(checkpoint: Checkpoint): Config
  /** Scores of every word for what follows each token that `tokens` wants scored: [batch * scored, vocabulary] */
  logits(weights: Weights, config: Config, tokens: Tokens): Value
  readonly spellings?: Spellings
  /** The most tokens that the positions allow, where they do limit it. */
  maxLength?(config: Config): number | undefined
}

const HEAD = 'causal-lm'

/**
 * Makes the model plugin of a family of decoders, with the head `causal-lm`. Of its graphs,
 * - `model` reads whole texts, `input_ids` and `attention_mask` (padded on the right), int64 [batch, sequence], and gives `logits`
 *   [batch, sequence, vocabulary];
 * - `decoder` reads the next tokens, `input_ids` int64 [batch, sequence], and updates `past_key_values.{layer}.key` and `.value`,
 *   [batch, kv heads, capacity, head size], in place; `lengths`, int32 [batch], is how many tokens each text has after them, and
 *   `logit_positions`, int64 [scored], which of them get `logits`, [batch, scored, vocabulary]. More than one token at a time takes
 *   a batch of one;
 * - `prefill` is `decoder` unless a compressor makes something else of it.
 */
export function defineDecoder<Name extends string, Config extends DecoderConfig>(family: DecoderFamily<Name, Config>): Model<Name> {
  return {
    kind: 'model',
    version: 'v1',
    name: family.name,
    heads: [HEAD],
    maxLength: (checkpoint) => family.maxLength?.(family.config(checkpoint)),
    build: revised(async (checkpoint, { head, roles }) => {
      if (head !== HEAD) throw new NoSuchHeadError({ family: family.name, head, available: [HEAD] })
      if (checkpoint.constants.size === 0) return { model: await readExported(checkpoint, head, { [HEAD]: ['logits'] }) }
      const wanted = (role: string) => roles?.includes(role) !== false
      const decoder = wanted('decoder') || wanted('prefill') ? quickened(emit(family, checkpoint, nextTokens)) : undefined
      return { ...(wanted('model') && { model: emit(family, checkpoint, wholeTexts) }), ...(decoder && { decoder, prefill: decoder }) }
    }),
  }
}

function emit<Config extends DecoderConfig>(family: DecoderFamily<string, Config>, checkpoint: Checkpoint, read: (builder: GraphBuilder, config: Config) => Tokens): Graph {
  only(checkpoint, 'is_causal', true) // decoders that were made encoders see what follows a token too
  const builder = new GraphBuilder(family.name)
  const config = family.config(checkpoint)
  const tokens = read(builder, config)
  const rows = family.logits(new Weights(builder, checkpoint, family.spellings), config, tokens)
  builder.output('logits', Reshape(rows, Concat([Shape(tokens.ids, { end: 1 }), integers(rows, [-1, rows.shape.at(-1) as number])], { axis: 0 })))
  return builder.build()
}

/** With as few calls of kernels as can be: what a token costs beyond the reading of the weights. */
const quickened = (graph: Graph): Graph => [fuseSkipNorm(), mergeProducts()].reduce((current, { apply }) => apply(current), graph)

function wholeTexts(builder: GraphBuilder): Tokens {
  const { ids, mask } = texts(builder)
  const lengths = Cast(ReduceSum(mask, integers(mask, [1]), { keepdims: 0 }), { to: 'int32' })
  const total = Cast(Squeeze(Shape(ids, { start: 1, end: 2 }), integers(ids, [0])), { to: 'int32' })
  return { ids, last: Sub(lengths, scalar(lengths, 1)), total, past: undefined, keep: () => undefined, scored: (x) => x }
}

function nextTokens(builder: GraphBuilder, { layers, kvHeads, headSize }: DecoderConfig): Tokens {
  const ids = builder.input('input_ids', 'int64', ['batch', 'sequence'])
  const lengths = builder.input('lengths', 'int32', ['batch'])
  const places = builder.input('logit_positions', 'int64', ['scored'])
  const cache = (layer: number, part: string) => builder.input(`past_key_values.${layer}.${part}`, 'float32', ['batch', kvHeads, 'capacity', headSize])
  const past = Array.from({ length: layers }, (_, layer): Cached => ({ key: cache(layer, 'key'), value: cache(layer, 'value') }))
  return {
    ids,
    last: Sub(lengths, builder.constant(inlineConstant('int32', [], Int32Array.of(1)))),
    total: ReduceMax(lengths, integers(lengths, [0]), { keepdims: 0 }),
    past,
    keep(layer, key, value) {
      builder.output(`present.${layer}.key`, key, past[layer]!.key)
      builder.output(`present.${layer}.value`, value, past[layer]!.value)
    },
    scored: (x) => toRows(Gather(fromRows(x, ids), places, { axis: 1 })),
  }
}

/** Cosines and sines of the angles that queries and keys are turned by: [rows, size / 2] */
export interface Rotation {
  readonly cosines: Value
  readonly sines: Value
  /** Which row is each token's, int64 [batch, sequence]. Default: the one of its position. */
  readonly rows?: Value
}

/** How a layer attends. */
export interface Attention {
  readonly layer: number
  readonly heads: number
  readonly kvHeads: number
  /** Where positions turn queries and keys. */
  readonly rotation?: Rotation | undefined
  /** How many tokens a token sees, itself included. Default: all before it. */
  readonly window?: number | undefined
  /** What scores are multiplied by. Default: 1 / √size. */
  readonly scale?: number | undefined
}

/**
 * Causal attention over the tokens before, whose keys and values are kept: [batch * sequence, heads * size].
 * @param projections Query [batch * sequence, heads * size], key and value [batch * sequence, kv heads * size]; or one tensor that holds all three, side by side.
 */
export function attend(projections: readonly [Value, Value, Value] | readonly [Value], { ids, last, total, past, keep }: Tokens, { layer, heads, kvHeads, rotation, window, scale = 0 }: Attention): Value {
  const cached = past?.[layer]
  const [query, key, value] = projections.map((rows) => fromRows(rows, ids)) as [Value, Value?, Value?] // [batch, sequence, …]
  const table = rotation?.rows === undefined ? rotation : undefined
  const turn = (x: Value | undefined) => (x === undefined || rotation?.rows === undefined ? x : RotaryEmbedding(x, rotation.rows, rotation.cosines, rotation.sines))
  const inputs = [turn(query), turn(key), value, cached?.key, cached?.value, last, total, table?.cosines, table?.sines]
  const attributes = { num_heads: heads, kv_num_heads: kvHeads, do_rotary: table === undefined ? 0 : 1, local_window_size: window ?? -1, scale }
  const [mixed, newKey, newValue] = query.builder.emit(GroupQueryAttention, inputs, attributes, 3) as [Value, Value, Value]
  keep(layer, newKey, newValue)
  return toRows(mixed)
}

/** Where in its text each token stands: int64 [batch, sequence], or [1, sequence] where all texts begin in the run. */
export function positionsOf({ ids, last, past }: Tokens): Value {
  const sequence = Squeeze(Shape(ids, { start: 1, end: 2 }), integers(ids, [0]))
  const places = Unsqueeze(Range(scalar(sequence, 0), sequence, scalar(sequence, 1)), integers(ids, [0])) // [1, sequence]
  if (past === undefined) return places
  const before = Sub(Add(Cast(last, { to: 'int64' }), scalar(ids, 1)), sequence) // [batch]
  return Add(Unsqueeze(before, integers(ids, [1])), places)
}

/** Where the parameters are that become states of words, and scores of them. */
interface Words {
  readonly embedding: Weights
  readonly head: Weights
}

/**
 * Of the two that are one where they are tied, a checkpoint may hold either: `transformers` writes the embedding, and `save_model` of safetensors
 * the one whose name comes first. Where it holds both, each is used, as in `transformers`.
 */
export function wordsOf({ embedding, head }: Words, tied: boolean): Words {
  const held = (own: Weights, other: Weights) => (tied && !own.has('weight') && other.has('weight') ? other : own)
  return { embedding: held(embedding, head), head: held(head, embedding) }
}

/** Scores of every word for what comes next: [rows, hidden] → [rows, vocabulary] */
export const nextWords = ({ head }: Words, x: Value, vocabulary: number): Value => linear(head, x, vocabulary, { bias: false })
