import type { Checkpoint, Model } from '@tenon/core'
import type { GraphBuilder, Value } from '@tenon/graph'
import { Add, Relu } from '@tenon/graph/ops'
import { activation } from './activations.js'
import { labelCount, layersIn, optionIn, sizeIn } from './config.js'
import { defineFamily } from './family.js'
import { firstToken, perChoice, spanScores, tokenScores, wordScores } from './heads.js'
import { embedding, fromRows, layerNorm, linear, positions, selfAttention, toRows } from './layers.js'
import { CHOICES, eachChoice, texts, type Texts } from './texts.js'
import { spelledUnder, type Weights } from './weights.js'

/**
 * DistilBERT (Sanh et al. 2019): half of BERT's layers, taught by BERT, without segments and without a pooler.
 * Its graphs take `input_ids` and `attention_mask`, int64, [batch, sequence].
 * @example
 * const { model } = await distilbert().build(checkpoint, { head: 'sequence-classification' })
 */
export const distilbert = (): Model<'distilbert'> =>
  defineFamily({
    name: 'distilbert',
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
    spellings: spelledUnder('distilbert'),
  })

interface DistilBertConfig {
  readonly vocabulary: number
  readonly hidden: number
  readonly layers: number
  readonly heads: number
  readonly intermediate: number
  readonly activation: string
  readonly positions: number
  readonly labels: number
}

/** `sinusoidal_pos_embds` says how the positions began: they are stored like learned ones. */
function config(checkpoint: Checkpoint): DistilBertConfig {
  return {
    vocabulary: sizeIn(checkpoint, 'vocab_size'),
    hidden: sizeIn(checkpoint, 'dim'),
    layers: layersIn(checkpoint, 'n_layers'),
    heads: sizeIn(checkpoint, 'n_heads'),
    intermediate: sizeIn(checkpoint, 'hidden_dim'),
    activation: optionIn(checkpoint, 'activation', 'gelu'),
    positions: sizeIn(checkpoint, 'max_position_embeddings'),
    labels: labelCount(checkpoint),
  }
}

/** Of all its norms; no config changes it. */
const EPSILON = 1e-12

function embeddings(w: Weights, config: DistilBertConfig, ids: Value): Value {
  const words = embedding(w.at('word_embeddings'), ids, config.vocabulary, config.hidden) // [batch, sequence, hidden]
  const places = positions(w.at('position_embeddings'), ids, config.positions, config.hidden) // [sequence, hidden]
  return layerNorm(w.at('LayerNorm'), Add(words, places), EPSILON)
}

/** x: [batch * sequence, hidden], here and below. */
function block(w: Weights, config: DistilBertConfig, x: Value, given: Texts): Value {
  const attention = w.at('attention')
  const mixed = selfAttention([attention.at('q_lin'), attention.at('k_lin'), attention.at('v_lin')], x, config.heads, given)
  const attended = layerNorm(w.at('sa_layer_norm'), Add(linear(attention.at('out_lin'), mixed, config.hidden), x), EPSILON)
  const wide = activation(w, config.activation, linear(w.at('ffn.lin1'), attended, config.intermediate))
  const output = linear(w.at('ffn.lin2'), wide, config.hidden)
  return layerNorm(w.at('output_layer_norm'), Add(output, attended), EPSILON)
}

/** [batch * sequence, hidden] */
function encoder(weights: Weights, config: DistilBertConfig, given: Texts): Value {
  const w = weights.at('distilbert')
  let x = toRows(embeddings(w.at('embeddings'), config, given.ids))
  for (let layer = 0; layer < config.layers; layer++) x = block(w.at('transformer.layer', layer), config, x, given)
  return x
}

function base(builder: GraphBuilder, weights: Weights, config: DistilBertConfig): void {
  const given = texts(builder)
  builder.output('last_hidden_state', fromRows(encoder(weights, config, given), given.ids))
}

/** The decoder is the word embedding, transposed: [batch, sequence, vocabulary] */
function maskedLM(builder: GraphBuilder, weights: Weights, config: DistilBertConfig): void {
  const given = texts(builder)
  const wide = activation(weights, config.activation, linear(weights.at('vocab_transform'), encoder(weights, config, given), config.hidden))
  const transformed = layerNorm(weights.at('vocab_layer_norm'), wide, EPSILON)
  const decoder = weights.at('vocab_projector')
  const words = weights.at('distilbert.embeddings.word_embeddings')
  builder.output('logits', wordScores({ decoder, words, bias: decoder }, transformed, given.ids, config.vocabulary))
}

/** Scores of a text by its first token, through two layers: [batch, labels] */
function textScores(weights: Weights, config: DistilBertConfig, given: Texts, labels: number): Value {
  const first = firstToken(encoder(weights, config, given), given.ids)
  return linear(weights.at('classifier'), Relu(linear(weights.at('pre_classifier'), first, config.hidden)), labels)
}

function sequenceClassification(builder: GraphBuilder, weights: Weights, config: DistilBertConfig): void {
  builder.output('logits', textScores(weights, config, texts(builder), config.labels))
}

/** [batch, sequence, labels] */
function tokenClassification(builder: GraphBuilder, weights: Weights, config: DistilBertConfig): void {
  const given = texts(builder)
  builder.output('logits', tokenScores(weights.at('classifier'), encoder(weights, config, given), given.ids, config.labels))
}

/** [batch, sequence] each */
function questionAnswering(builder: GraphBuilder, weights: Weights, config: DistilBertConfig): void {
  const given = texts(builder)
  spanScores(builder, weights.at('qa_outputs'), encoder(weights, config, given), given.ids)
}

/** [batch, choices] */
function multipleChoice(builder: GraphBuilder, weights: Weights, config: DistilBertConfig): void {
  const given = texts(builder, CHOICES)
  builder.output('logits', perChoice(textScores(weights, config, eachChoice(given), 1), given.ids))
}
