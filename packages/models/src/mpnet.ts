import type { Checkpoint, Model } from '@tenon/core'
import { integers, scalar, type GraphBuilder, type Value } from '@tenon/graph'
import { Add, Cast, Clip, Gather, Gelu, MultiHeadAttention, Sub, Tanh, Transpose, Unsqueeze } from '@tenon/graph/ops'
import { activation } from './activations.js'
import { labelCount, layersIn, malformed, optionIn, sizeIn } from './config.js'
import { defineFamily } from './family.js'
import { firstToken, perChoice, spanScores, tokenScores, wordScores } from './heads.js'
import { embedding, fromRows, layerNorm, linear, LOWEST, positionsAfter, toRows } from './layers.js'
import { CHOICES, eachChoice, texts, tokenPositions, type Texts } from './texts.js'
import { spelledUnder, type Weights } from './weights.js'

/**
 * MPNet (Song et al. 2020): BERT's encoder without segments, with RoBERTa's positions and, added to the scores of every
 * layer's attention, one bias for each head and distance, as T5 has it. `all-mpnet-base-v2` is one.
 * Its graphs take `input_ids` and `attention_mask`, int64, [batch, sequence].
 * @example
 * const { model } = await mpnet().build(checkpoint, { head: 'base' })
 */
export const mpnet = (): Model<'mpnet'> =>
  defineFamily({
    name: 'mpnet',
    config,
    maxLength: ({ positions }) => positions - PADDING - 1,
    heads: {
      base: { outputs: ['last_hidden_state', 'pooler_output?'], emit: base },
      'masked-lm': { outputs: ['logits'], emit: maskedLM },
      'sequence-classification': { outputs: ['logits'], emit: sequenceClassification },
      'token-classification': { outputs: ['logits'], emit: tokenClassification },
      'question-answering': { outputs: ['start_logits', 'end_logits'], emit: questionAnswering },
      'multiple-choice': { outputs: ['logits'], emit: multipleChoice },
    },
    spellings: spelledUnder('mpnet'),
  })

/** What `transformers` fixes, whatever a config says: the id and position of padding, and how distances share buckets. */
const PADDING = 1
const BUCKETS = 32
const FURTHEST = 128

interface MPNetConfig {
  readonly vocabulary: number
  readonly hidden: number
  readonly layers: number
  readonly heads: number
  readonly intermediate: number
  readonly activation: string
  readonly positions: number
  /** Rows of the table of biases. */
  readonly buckets: number
  readonly epsilon: number
  readonly labels: number
}

function config(checkpoint: Checkpoint): MPNetConfig {
  const buckets = sizeIn(checkpoint, 'relative_attention_num_buckets', BUCKETS)
  if (buckets < BUCKETS) {
    throw malformed(checkpoint, `gives 'relative_attention_num_buckets' as ${buckets}`, `Distances fall into ${BUCKETS} buckets: set it to the rows that the weights have`)
  }
  return {
    vocabulary: sizeIn(checkpoint, 'vocab_size'),
    hidden: sizeIn(checkpoint, 'hidden_size'),
    layers: layersIn(checkpoint),
    heads: sizeIn(checkpoint, 'num_attention_heads'),
    intermediate: sizeIn(checkpoint, 'intermediate_size'),
    activation: optionIn(checkpoint, 'hidden_act', 'gelu'),
    positions: sizeIn(checkpoint, 'max_position_embeddings'),
    buckets,
    epsilon: optionIn(checkpoint, 'layer_norm_eps', 1e-12),
    labels: labelCount(checkpoint),
  }
}

function embeddings(w: Weights, config: MPNetConfig, { ids }: Texts): Value {
  const words = embedding(w.at('word_embeddings'), ids, config.vocabulary, config.hidden) // [batch, sequence, hidden]
  const places = embedding(w.at('position_embeddings'), positionsAfter(PADDING, ids), config.positions, config.hidden) // [batch, sequence, hidden]
  return layerNorm(w.at('LayerNorm'), Add(words, places), config.epsilon)
}

/** How much each head prefers each distance, the same for all layers and texts: [1, heads, sequence, sequence] */
function positionBias(w: Weights, config: MPNetConfig, ids: Value): Value {
  const table = w.get('weight', [config.buckets, config.heads])
  const buckets = Array.from({ length: 2 * FURTHEST + 1 }, (_, index) => bucket(index - FURTHEST))
  const positions = tokenPositions(ids) // [sequence]
  const distances = Sub(Unsqueeze(positions, integers(ids, [1])), Unsqueeze(positions, integers(ids, [0]))) // [sequence, sequence], of query and key
  const at = Add(Clip(distances, scalar(distances, -FURTHEST), scalar(distances, FURTHEST)), scalar(distances, FURTHEST))
  const biases = Gather(table, Gather(integers(ids, buckets), at)) // [sequence, sequence, heads]
  return Unsqueeze(Transpose(biases, { perm: [2, 0, 1] }), integers(ids, [0]))
}

/**
 * T5's buckets (Raffel et al. 2020): half of them for keys behind the query, half for those ahead; in each, half for one
 * distance each and the others for ever longer ranges. In float32, step by step, since a rounding decides where one ends.
 */
function bucket(distance: number): number {
  const [half, exact] = [BUCKETS / 2, BUCKETS / 4]
  const away = Math.abs(distance)
  const ahead = distance < 0 ? half : 0
  if (away < exact) return ahead + away
  const part = Math.fround(Math.fround(Math.log(away / exact)) / Math.fround(Math.log(FURTHEST / exact)))
  return ahead + Math.min(exact + Math.trunc(Math.fround(part * (half - exact))), half - 1)
}

/** What all blocks share. */
interface Surroundings extends Texts {
  readonly bias: Value // [1, heads, sequence, sequence]
}

/** x: [batch * sequence, hidden], here and below. */
function attention(w: Weights, config: MPNetConfig, x: Value, { ids, mask, bias }: Surroundings): Value {
  const project = (name: string) => fromRows(linear(w.at('attn', name), x, config.hidden), ids) // [batch, sequence, heads * size]
  const mixed = MultiHeadAttention(project('q'), project('k'), project('v'), undefined, Cast(mask, { to: 'int32' }), bias, { num_heads: config.heads, mask_filter_value: LOWEST })
  const output = linear(w.at('attn.o'), toRows(mixed), config.hidden)
  return layerNorm(w.at('LayerNorm'), Add(output, x), config.epsilon)
}

function block(w: Weights, config: MPNetConfig, x: Value, around: Surroundings): Value {
  const attended = attention(w.at('attention'), config, x, around)
  const wide = activation(w, config.activation, linear(w.at('intermediate.dense'), attended, config.intermediate))
  const output = linear(w.at('output.dense'), wide, config.hidden)
  return layerNorm(w.at('output.LayerNorm'), Add(output, attended), config.epsilon)
}

/** [batch * sequence, hidden] */
function encoder(weights: Weights, config: MPNetConfig, given: Texts): Value {
  const w = weights.at('mpnet')
  const around = { ...given, bias: positionBias(w.at('encoder.relative_attention_bias'), config, given.ids) }
  let x = toRows(embeddings(w.at('embeddings'), config, given))
  for (let layer = 0; layer < config.layers; layer++) x = block(w.at('encoder.layer', layer), config, x, around)
  return x
}

/** The first token's state through a layer of its own: [batch, hidden] */
function pooler(weights: Weights, config: MPNetConfig, x: Value, ids: Value): Value {
  return Tanh(linear(weights.at('mpnet.pooler.dense'), firstToken(x, ids), config.hidden))
}

function base(builder: GraphBuilder, weights: Weights, config: MPNetConfig): void {
  const given = texts(builder)
  const x = encoder(weights, config, given)
  builder.output('last_hidden_state', fromRows(x, given.ids))
  if (weights.has('mpnet.pooler.dense.weight')) builder.output('pooler_output', pooler(weights, config, x, given.ids))
}

/** The decoder is the word embedding, transposed, and the activation always GELU: [batch, sequence, vocabulary] */
function maskedLM(builder: GraphBuilder, weights: Weights, config: MPNetConfig): void {
  const given = texts(builder)
  const w = weights.at('lm_head')
  const transformed = layerNorm(w.at('layer_norm'), Gelu(linear(w.at('dense'), encoder(weights, config, given), config.hidden)), config.epsilon)
  const words = weights.at('mpnet.embeddings.word_embeddings')
  builder.output('logits', wordScores({ decoder: w.at('decoder'), words, bias: w }, transformed, given.ids, config.vocabulary))
}

/** The first token through two layers of the classifier's own, and not the pooler: [batch, labels] */
function sequenceClassification(builder: GraphBuilder, weights: Weights, config: MPNetConfig): void {
  const given = texts(builder)
  const w = weights.at('classifier')
  const dense = Tanh(linear(w.at('dense'), firstToken(encoder(weights, config, given), given.ids), config.hidden))
  builder.output('logits', linear(w.at('out_proj'), dense, config.labels))
}

/** [batch, sequence, labels] */
function tokenClassification(builder: GraphBuilder, weights: Weights, config: MPNetConfig): void {
  const given = texts(builder)
  builder.output('logits', tokenScores(weights.at('classifier'), encoder(weights, config, given), given.ids, config.labels))
}

/** [batch, sequence] each */
function questionAnswering(builder: GraphBuilder, weights: Weights, config: MPNetConfig): void {
  const given = texts(builder)
  spanScores(builder, weights.at('qa_outputs'), encoder(weights, config, given), given.ids)
}

/** [batch, choices] */
function multipleChoice(builder: GraphBuilder, weights: Weights, config: MPNetConfig): void {
  const given = texts(builder, CHOICES)
  const each = eachChoice(given)
  const pooled = pooler(weights, config, encoder(weights, config, each), each.ids)
  builder.output('logits', perChoice(linear(weights.at('classifier'), pooled, 1), given.ids))
}
