import type { Checkpoint, Model } from '@tenon/core'
import { integers, scalar, type GraphBuilder, type Value } from '@tenon/graph'
import { Add, And, Cast, Clip, Concat, Conv, Gather, MatMul, Mul, MultiHeadAttention, Neg, Range, Reshape, Shape, Slice, Squeeze, Sub, Transpose, Unsqueeze, Where } from '@tenon/graph/ops'
import { activation } from './activations.js'
import { headSize, labelCount, layersIn, malformed, optionIn, sizeIn } from './config.js'
import { defineFamily } from './family.js'
import { firstToken, perChoice, spanScores, tokenScores, wordScores } from './heads.js'
import { embedding, fromRows, layerNorm, linear, LOWEST, positions, toRows } from './layers.js'
import { relativePositions, type RelativePositions } from './relative-positions.js'
import { CHOICES, eachChoice, pairs, texts, type Texts } from './texts.js'
import { spelledUnder, type Weights } from './weights.js'

/**
 * DeBERTa v2 and v3 (He et al. 2020 and 2021): BERT's blocks, with an attention in which contents and relative positions
 * look at each other, each through projections of its own. v3 differs in how it was trained and in what its config chooses.
 * Its graphs take `input_ids`, `attention_mask` and, where the checkpoint has segments, `token_type_ids`, int64, [batch, sequence].
 * @example
 * const { model } = await debertaV2().build(checkpoint, { head: 'sequence-classification' })
 */
export const debertaV2 = (): Model<'deberta-v2'> =>
  defineFamily({
    name: 'deberta-v2',
    config,
    maxLength: ({ positions }) => positions,
    heads: {
      base: { outputs: ['last_hidden_state'], emit: base },
      'masked-lm': { outputs: ['logits'], emit: maskedLM },
      'sequence-classification': { outputs: ['logits'], emit: sequenceClassification },
      'token-classification': { outputs: ['logits'], emit: tokenClassification },
      'question-answering': { outputs: ['start_logits', 'end_logits'], emit: questionAnswering },
      'multiple-choice': { outputs: ['logits'], emit: multipleChoice },
    },
    spellings: spelledUnder('deberta'),
  })

interface DebertaConfig {
  readonly vocabulary: number
  readonly embedding: number
  readonly hidden: number
  readonly layers: number
  readonly heads: number
  readonly intermediate: number
  readonly activation: string
  /** Where positions are added to the words. */
  readonly positions: number | undefined
  readonly segments: number
  readonly epsilon: number
  readonly relative: Relative | undefined
  /** What the scores are divided by the root of: the size of a head, once for each kind of score. */
  readonly scale: number
  readonly convolution: Convolution | undefined
  readonly poolerActivation: string
  readonly labels: number
}

interface Relative extends RelativePositions {
  /** Contents look for positions with their queries, c2p. */
  readonly byQuery: boolean
  /** Positions look for contents, p2c. */
  readonly byKey: boolean
  /** Whether positions pass through the projections of the contents. */
  readonly shared: boolean
  readonly normed: boolean
}

interface Convolution {
  readonly size: number
  readonly groups: number
  readonly activation: string
}

function config(checkpoint: Checkpoint): DebertaConfig {
  const hidden = sizeIn(checkpoint, 'hidden_size')
  const heads = sizeIn(checkpoint, 'num_attention_heads')
  const kinds = listIn(checkpoint, 'pos_att_type').filter((kind) => kind === 'c2p' || kind === 'p2c')
  const kernel = optionIn<number>(checkpoint, 'conv_kernel_size', 0)
  return {
    vocabulary: sizeIn(checkpoint, 'vocab_size'),
    embedding: sizeIn(checkpoint, 'embedding_size', hidden),
    hidden,
    layers: layersIn(checkpoint),
    heads,
    intermediate: sizeIn(checkpoint, 'intermediate_size'),
    activation: optionIn<string>(checkpoint, 'hidden_act', 'gelu'),
    positions: optionIn<boolean>(checkpoint, 'position_biased_input', true) ? sizeIn(checkpoint, 'max_position_embeddings') : undefined,
    segments: optionIn<number>(checkpoint, 'type_vocab_size', 0),
    epsilon: optionIn<number>(checkpoint, 'layer_norm_eps', 1e-7),
    relative: optionIn<boolean>(checkpoint, 'relative_attention', false) ? relativeIn(checkpoint, kinds) : undefined,
    scale: 1 / Math.sqrt(headSize(hidden, heads) * (1 + new Set(kinds).size)),
    convolution: kernel > 0 ? { size: kernel, groups: sizeIn(checkpoint, 'conv_groups', 1), activation: optionIn<string>(checkpoint, 'conv_act', 'tanh') } : undefined,
    poolerActivation: optionIn<string>(checkpoint, 'pooler_hidden_act', 'gelu'),
    labels: labelCount(checkpoint),
  }
}

function relativeIn(checkpoint: Checkpoint, kinds: readonly string[]): Relative {
  const limit = optionIn<number>(checkpoint, 'max_relative_positions', -1)
  const furthest = limit < 1 ? sizeIn(checkpoint, 'max_position_embeddings') : limit
  const buckets = optionIn<number>(checkpoint, 'position_buckets', -1)
  // Further distances share buckets by their logarithm: of the last of them, which must not be 0, by that of the first.
  if (buckets > 0 && (buckets < 2 || furthest - 1 === Math.floor(buckets / 2))) {
    throw malformed(checkpoint, `puts ${furthest} positions into ${buckets} buckets`, "Set 'position_buckets' to what the weights have, or to -1 where they have no buckets")
  }
  return {
    span: buckets > 0 ? buckets : furthest,
    furthest,
    bucketed: buckets > 0,
    byQuery: kinds.includes('c2p'),
    byKey: kinds.includes('p2c'),
    shared: optionIn<boolean>(checkpoint, 'share_att_key', false),
    normed: listIn(checkpoint, 'norm_rel_ebd').includes('layer_norm'),
  }
}

/** Several words, as a list or in one text: `'p2c|c2p'`. */
function listIn(checkpoint: Checkpoint, key: string): readonly string[] {
  const value = checkpoint.config[key]
  const words = Array.isArray(value) ? value.map(String) : optionIn<string>(checkpoint, key, '').split('|')
  return words.map((word) => word.trim().toLowerCase())
}

interface Inputs extends Texts {
  readonly segments?: Value // [batch, sequence]
}

const inputs = (builder: GraphBuilder, config: DebertaConfig, shape?: readonly string[]): Inputs => (config.segments > 0 ? pairs : texts)(builder, shape)

/** [batch * sequence, hidden]; zeros where a token is padding. */
function embeddings(w: Weights, config: DebertaConfig, { ids, mask, segments }: Inputs): Value {
  let x = embedding(w.at('word_embeddings'), ids, config.vocabulary, config.embedding) // [batch, sequence, embedding]
  if (config.positions !== undefined) x = Add(x, positions(w.at('position_embeddings'), ids, config.positions, config.embedding))
  if (segments !== undefined) x = Add(x, embedding(w.at('token_type_embeddings'), segments, config.segments, config.embedding))
  const rows = config.embedding === config.hidden ? toRows(x) : linear(w.at('embed_proj'), toRows(x), config.hidden, { bias: false })
  return withoutPadding(layerNorm(w.at('LayerNorm'), rows, config.epsilon), mask)
}

/** Rows of zeros where a token is padding. */
function withoutPadding(x: Value, mask: Value): Value {
  return Mul(x, Reshape(Cast(mask, { to: 'float32' }), integers(x, [-1, 1])))
}

/** What all blocks share: computed once. */
interface Surroundings {
  readonly ids: Value
  readonly mask: Value
  /** Whether query and key are both tokens, neither of them padding: [batch, 1, sequence, sequence] */
  readonly both: Value
  readonly distances: Distances | undefined
}

interface Distances {
  readonly embeddings: Value // [2 * span, hidden]
  /** The rows of the distances sequence - 1, …, -sequence: as a query sees one key after another. [2 * sequence] */
  readonly falling: Value
  /** The rows of the distances 1 - sequence, …, sequence: as a key sees one query after another. [2 * sequence] */
  readonly rising: Value
}

function surroundings(w: Weights, config: DebertaConfig, { ids, mask }: Inputs): Surroundings {
  const real = Cast(mask, { to: 'bool' })
  const both = And(Unsqueeze(real, integers(mask, [1, 3])), Unsqueeze(real, integers(mask, [1, 2])))
  return { ids, mask, both, distances: config.relative && distances(w, config, config.relative, ids) }
}

function distances(w: Weights, { hidden, epsilon }: DebertaConfig, relative: Relative, ids: Value): Distances {
  const table = w.get('rel_embeddings.weight', [2 * relative.span, hidden])
  const rows = relativePositions(relative)
  const limit = (rows.length - 1) / 2
  const length = Squeeze(Shape(ids, { start: 1, end: 2 }), integers(ids, [0]))
  const [zero, one] = [scalar(length, 0), scalar(length, 1)]
  const all = Sub(Range(zero, Mul(length, scalar(length, 2)), one), Sub(length, one)) // [2 * sequence]
  const rowsOf = (at: Value) => Gather(integers(ids, rows), Add(Clip(at, scalar(at, -limit), scalar(at, limit)), scalar(at, limit)))
  return {
    embeddings: relative.normed ? layerNorm(w.at('LayerNorm'), table, epsilon) : table,
    falling: rowsOf(Neg(all)),
    rising: rowsOf(all),
  }
}

/** x: [batch * sequence, hidden], here and below. */
function attention(w: Weights, config: DebertaConfig, x: Value, around: Surroundings): Value {
  const project = (name: string) => fromRows(linear(w.at('self', name), x, config.hidden), around.ids) // [batch, sequence, heads * size]
  // Scores of padding are filled in, not added to: nothing varies with them, so a padding's query has no part in them.
  const query = fromRows(withoutPadding(linear(w.at('self.query_proj'), x, config.hidden), around.mask), around.ids)
  const [key, value] = [project('key_proj'), project('value_proj')]
  const scores = config.relative && around.distances && relativeScores(w.at('self'), config, config.relative, query, key, around.distances)
  const filler = scalar(query, LOWEST)
  const bias = Where(around.both, scores ?? scalar(query, 0), filler)
  const mixed = MultiHeadAttention(query, key, value, undefined, undefined, bias, { num_heads: config.heads, scale: config.scale })
  const output = linear(w.at('output.dense'), toRows(mixed), config.hidden)
  return layerNorm(w.at('output.LayerNorm'), Add(output, x), config.epsilon)
}

/**
 * Query i and key j also meet through where they stand: Qᵢ · K'(i - j) + Kⱼ · Q'(i - j), K' and Q' being projections of
 * the embedding of a distance (He et al. 2020, equation 4): [batch, heads, sequence, sequence], scaled.
 */
function relativeScores(w: Weights, config: DebertaConfig, { byQuery, byKey, shared }: Relative, query: Value, key: Value, { embeddings: table, falling, rising }: Distances): Value | undefined {
  // Nothing here depends on the inputs, so that runtimes compute it once, when they load the graph: [heads, 2 * span, size]
  const project = (name: string) => Mul(splitHeads(linear(w.at(name), table, config.hidden), config), scalar(table, config.scale))
  // A score for each distance there can be, [batch, heads, sequence, 2 * sequence], then of those the ones there are.
  const score = (content: Value, name: string, rows: Value) => skew(MatMul(splitHeads(content, config), Transpose(Gather(project(name), rows, { axis: 1 }), { perm: [0, 2, 1] })))
  const fromQuery = byQuery ? score(query, shared ? 'key_proj' : 'pos_key_proj', falling) : undefined
  const fromKey = byKey ? Transpose(score(key, shared ? 'query_proj' : 'pos_query_proj', rising), { perm: [0, 1, 3, 2] }) : undefined
  return fromQuery && fromKey ? Add(fromQuery, fromKey) : fromQuery ?? fromKey
}

/** [rows, hidden] → [heads, rows, size], with or without a batch in front. */
function splitHeads(x: Value, { heads, hidden }: DebertaConfig): Value {
  const batched = x.shape.length === 3
  const split = Reshape(x, integers(x, [...(batched ? [0, 0] : [0]), heads, hidden / heads]))
  return Transpose(split, { perm: batched ? [0, 2, 1, 3] : [1, 0, 2] })
}

/**
 * Row i of the result is what stands from column sequence - 1 - i on: the distances from i. In memory a row of 2n then
 * starts one earlier than the one above, as rows of 2n - 1 do. [batch, heads, n, 2n] → [batch, heads, n, n]
 */
function skew(x: Value): Value {
  const length = Shape(x, { start: 2, end: 3 })
  const [first, width] = [Sub(length, integers(x, [1])), Sub(Shape(x, { start: 3, end: 4 }), integers(x, [1]))]
  const flat = Reshape(x, integers(x, [0, 0, -1]))
  const shifted = Slice(flat, first, Add(first, Mul(length, width)), integers(x, [2]))
  const rows = Reshape(shifted, Concat([integers(x, [0, 0]), length, width], { axis: 0 }))
  return Slice(rows, integers(x, [0]), length, integers(x, [3]))
}

function block(w: Weights, config: DebertaConfig, x: Value, around: Surroundings): Value {
  const attended = attention(w.at('attention'), config, x, around)
  const wide = activation(w, config.activation, linear(w.at('intermediate.dense'), attended, config.intermediate))
  const output = linear(w.at('output.dense'), wide, config.hidden)
  return layerNorm(w.at('output.LayerNorm'), Add(output, attended), config.epsilon)
}

/** Neighbours in the text, mixed in beside the first block: what v2 in its larger sizes has for n-grams. */
function convolve(w: Weights, config: DebertaConfig, { size, groups, activation: name }: Convolution, x: Value, first: Value, { ids, mask }: Inputs): Value {
  const kernel = w.get('conv.weight', [config.hidden, config.hidden / groups, size])
  const around = Math.floor((size - 1) / 2)
  const swap = (each: Value) => Transpose(each, { perm: [0, 2, 1] })
  const mixed = swap(Conv(swap(fromRows(x, ids)), kernel, w.get('conv.bias', [config.hidden]), { pads: [around, around], group: groups }))
  const summed = Add(first, activation(w, name, toRows(mixed)))
  return withoutPadding(layerNorm(w.at('LayerNorm'), summed, config.epsilon), mask)
}

/** [batch * sequence, hidden] */
function encoder(weights: Weights, config: DebertaConfig, inputs: Inputs): Value {
  const w = weights.at('deberta')
  const around = surroundings(w.at('encoder'), config, inputs)
  const embedded = embeddings(w.at('embeddings'), config, inputs)
  let x = embedded
  for (let layer = 0; layer < config.layers; layer++) {
    x = block(w.at('encoder.layer', layer), config, x, around)
    if (layer === 0 && config.convolution) x = convolve(w.at('encoder.conv'), config, config.convolution, embedded, x, inputs)
  }
  return x
}

function base(builder: GraphBuilder, weights: Weights, config: DebertaConfig): void {
  const given = inputs(builder, config)
  builder.output('last_hidden_state', fromRows(encoder(weights, config, given), given.ids))
}

/**
 * Scores of every word for every token, [batch, sequence, vocabulary]. The head that DeBERTa was trained with is
 * `lm_predictions`; `transformers` had one like BERT's, `cls.predictions`, and calls that `legacy`.
 */
function maskedLM(builder: GraphBuilder, weights: Weights, config: DebertaConfig): void {
  const given = inputs(builder, config)
  const x = encoder(weights, config, given)
  const trained = weights.at('lm_predictions.lm_head')
  const legacy = optionIn<boolean>(weights.checkpoint, 'legacy', !trained.has('dense.weight'))
  const w = legacy ? weights.at('cls.predictions') : trained
  const transform = legacy ? w.at('transform') : w
  const wide = linear(transform.at('dense'), x, legacy ? config.embedding : config.hidden)
  const transformed = layerNorm(transform.at('LayerNorm'), activation(w, config.activation, wide), config.epsilon)
  builder.output('logits', wordScores({ decoder: w.at('decoder'), words: weights.at('deberta.embeddings.word_embeddings'), bias: w }, transformed, given.ids, config.vocabulary))
}

/** The first token's state through a layer of its own: [batch, hidden] */
function pooled(weights: Weights, config: DebertaConfig, given: Inputs): Value {
  const first = firstToken(encoder(weights, config, given), given.ids)
  return activation(weights, config.poolerActivation, linear(weights.at('pooler.dense'), first, config.hidden))
}

/** [batch, labels] */
function sequenceClassification(builder: GraphBuilder, weights: Weights, config: DebertaConfig): void {
  builder.output('logits', linear(weights.at('classifier'), pooled(weights, config, inputs(builder, config)), config.labels))
}

/** [batch, sequence, labels] */
function tokenClassification(builder: GraphBuilder, weights: Weights, config: DebertaConfig): void {
  const given = inputs(builder, config)
  builder.output('logits', tokenScores(weights.at('classifier'), encoder(weights, config, given), given.ids, config.labels))
}

/** [batch, sequence] each */
function questionAnswering(builder: GraphBuilder, weights: Weights, config: DebertaConfig): void {
  const given = inputs(builder, config)
  spanScores(builder, weights.at('qa_outputs'), encoder(weights, config, given), given.ids)
}

/** [batch, choices] */
function multipleChoice(builder: GraphBuilder, weights: Weights, config: DebertaConfig): void {
  const given = inputs(builder, config, CHOICES)
  builder.output('logits', perChoice(linear(weights.at('classifier'), pooled(weights, config, eachChoice(given)), 1), given.ids))
}
