import type { Checkpoint, Model } from '@tenon/core'
import type { GraphBuilder, Value } from '@tenon/graph'
import { Add, Tanh } from '@tenon/graph/ops'
import { activation } from './activations.js'
import { labelCount, layersIn, only, optionIn, sizeIn } from './config.js'
import { defineFamily } from './family.js'
import { firstToken, perChoice, spanScores, tokenScores, wordScores } from './heads.js'
import { embedding, fromRows, layerNorm, linear, positions, selfAttention, toRows } from './layers.js'
import { CHOICES, eachChoice, pairs, type Pairs, type Texts } from './texts.js'
import { spelledUnder, type Weights } from './weights.js'

/**
 * ALBERT (Lan et al. 2020): BERT with narrow embeddings, widened once, and with layers that share their parameters.
 * Its graphs take `input_ids`, `attention_mask` and `token_type_ids`, int64, [batch, sequence].
 * @example
 * const { model } = await albert().build(checkpoint, { head: 'masked-lm' })
 */
export const albert = (): Model<'albert'> =>
  defineFamily({
    name: 'albert',
    config,
    maxLength: ({ positions }) => positions,
    heads: {
      base: { outputs: ['last_hidden_state', 'pooler_output?'], emit: base },
      'masked-lm': { outputs: ['logits'], emit: maskedLM },
      'sentence-order': { outputs: ['sop_logits'], emit: sentenceOrder },
      pretraining: { outputs: ['prediction_logits', 'sop_logits'], emit: pretraining },
      'sequence-classification': { outputs: ['logits'], emit: sequenceClassification },
      'token-classification': { outputs: ['logits'], emit: tokenClassification },
      'question-answering': { outputs: ['start_logits', 'end_logits'], emit: questionAnswering },
      'multiple-choice': { outputs: ['logits'], emit: multipleChoice },
    },
    spellings: spelledUnder('albert'),
  })

interface AlbertConfig {
  readonly vocabulary: number
  readonly embedding: number
  readonly hidden: number
  /** Applications of a group, one after another. */
  readonly layers: number
  /** Groups whose applications share their parameters. */
  readonly groups: number
  /** Blocks in a group, each with parameters of its own. */
  readonly blocks: number
  readonly heads: number
  readonly intermediate: number
  readonly activation: string
  readonly positions: number
  readonly segments: number
  readonly epsilon: number
  readonly labels: number
}

function config(checkpoint: Checkpoint): AlbertConfig {
  only(checkpoint, 'position_embedding_type', 'absolute')
  return {
    vocabulary: sizeIn(checkpoint, 'vocab_size'),
    embedding: sizeIn(checkpoint, 'embedding_size'),
    hidden: sizeIn(checkpoint, 'hidden_size'),
    layers: layersIn(checkpoint),
    groups: sizeIn(checkpoint, 'num_hidden_groups', 1),
    blocks: sizeIn(checkpoint, 'inner_group_num', 1),
    heads: sizeIn(checkpoint, 'num_attention_heads'),
    intermediate: sizeIn(checkpoint, 'intermediate_size'),
    activation: optionIn(checkpoint, 'hidden_act', 'gelu_new'),
    positions: sizeIn(checkpoint, 'max_position_embeddings'),
    segments: sizeIn(checkpoint, 'type_vocab_size'),
    epsilon: optionIn(checkpoint, 'layer_norm_eps', 1e-12),
    labels: labelCount(checkpoint),
  }
}

/** [batch, sequence, embedding] */
function embeddings(w: Weights, config: AlbertConfig, { ids, segments }: Pairs): Value {
  const words = embedding(w.at('word_embeddings'), ids, config.vocabulary, config.embedding)
  const kinds = embedding(w.at('token_type_embeddings'), segments, config.segments, config.embedding)
  const places = positions(w.at('position_embeddings'), ids, config.positions, config.embedding) // [sequence, embedding]
  return layerNorm(w.at('LayerNorm'), Add(Add(words, kinds), places), config.epsilon)
}

/** x: [batch * sequence, hidden], here and below. */
function attention(w: Weights, config: AlbertConfig, x: Value, texts: Texts): Value {
  const mixed = selfAttention([w.at('query'), w.at('key'), w.at('value')], x, config.heads, texts)
  return layerNorm(w.at('LayerNorm'), Add(linear(w.at('dense'), mixed, config.hidden), x), config.epsilon)
}

function block(w: Weights, config: AlbertConfig, x: Value, texts: Texts): Value {
  const attended = attention(w.at('attention'), config, x, texts)
  const wide = activation(w, config.activation, linear(w.at('ffn'), attended, config.intermediate))
  const output = linear(w.at('ffn_output'), wide, config.hidden)
  return layerNorm(w.at('full_layer_layer_norm'), Add(output, attended), config.epsilon)
}

/** [batch * sequence, hidden] */
function encoder(weights: Weights, config: AlbertConfig, given: Pairs): Value {
  const w = weights.at('albert.encoder')
  let x = linear(w.at('embedding_hidden_mapping_in'), toRows(embeddings(weights.at('albert.embeddings'), config, given)), config.hidden)
  for (let layer = 0; layer < config.layers; layer++) {
    const group = w.at('albert_layer_groups', Math.floor(layer / (config.layers / config.groups)))
    for (let inner = 0; inner < config.blocks; inner++) x = block(group.at('albert_layers', inner), config, x, given)
  }
  return x
}

/** The first token's state through a layer of its own: [batch, hidden] */
function pooler(weights: Weights, config: AlbertConfig, x: Value, ids: Value): Value {
  return Tanh(linear(weights.at('albert.pooler'), firstToken(x, ids), config.hidden))
}

function pooled(weights: Weights, config: AlbertConfig, given: Pairs): Value {
  return pooler(weights, config, encoder(weights, config, given), given.ids)
}

function base(builder: GraphBuilder, weights: Weights, config: AlbertConfig): void {
  const given = pairs(builder)
  const x = encoder(weights, config, given)
  builder.output('last_hidden_state', fromRows(x, given.ids))
  if (weights.has('albert.pooler.weight')) builder.output('pooler_output', pooler(weights, config, x, given.ids))
}

/** The decoder is the word embedding, transposed, and so its inputs are narrow again: [batch, sequence, vocabulary] */
function predictions(weights: Weights, config: AlbertConfig, x: Value, ids: Value): Value {
  const w = weights.at('predictions')
  const narrow = layerNorm(w.at('LayerNorm'), activation(w, config.activation, linear(w.at('dense'), x, config.embedding)), config.epsilon)
  const words = weights.at('albert.embeddings.word_embeddings')
  return wordScores({ decoder: w.at('decoder'), words, bias: w }, narrow, ids, config.vocabulary)
}

function maskedLM(builder: GraphBuilder, weights: Weights, config: AlbertConfig): void {
  const given = pairs(builder)
  builder.output('logits', predictions(weights, config, encoder(weights, config, given), given.ids))
}

/** [batch, labels], which are two: whether the texts are in order, or swapped. */
function orderScores(weights: Weights, config: AlbertConfig, pooled: Value): Value {
  return linear(weights.at('sop_classifier.classifier'), pooled, config.labels)
}

function sentenceOrder(builder: GraphBuilder, weights: Weights, config: AlbertConfig): void {
  builder.output('sop_logits', orderScores(weights, config, pooled(weights, config, pairs(builder))))
}

function pretraining(builder: GraphBuilder, weights: Weights, config: AlbertConfig): void {
  const given = pairs(builder)
  const x = encoder(weights, config, given)
  builder.output('prediction_logits', predictions(weights, config, x, given.ids))
  builder.output('sop_logits', orderScores(weights, config, pooler(weights, config, x, given.ids)))
}

/** [batch, labels] */
function sequenceClassification(builder: GraphBuilder, weights: Weights, config: AlbertConfig): void {
  builder.output('logits', linear(weights.at('classifier'), pooled(weights, config, pairs(builder)), config.labels))
}

/** [batch, sequence, labels] */
function tokenClassification(builder: GraphBuilder, weights: Weights, config: AlbertConfig): void {
  const given = pairs(builder)
  builder.output('logits', tokenScores(weights.at('classifier'), encoder(weights, config, given), given.ids, config.labels))
}

/** [batch, sequence] each */
function questionAnswering(builder: GraphBuilder, weights: Weights, config: AlbertConfig): void {
  const given = pairs(builder)
  spanScores(builder, weights.at('qa_outputs'), encoder(weights, config, given), given.ids)
}

/** [batch, choices] */
function multipleChoice(builder: GraphBuilder, weights: Weights, config: AlbertConfig): void {
  const given = pairs(builder, CHOICES)
  const scores = linear(weights.at('classifier'), pooled(weights, config, eachChoice(given)), 1) // [batch * choices, 1]
  builder.output('logits', perChoice(scores, given.ids))
}
