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
 * BERT (Devlin et al. 2018): a stack of post-norm transformer encoder blocks over word, position and segment embeddings.
 * Its graphs take `input_ids`, `attention_mask` and `token_type_ids`, int64, [batch, sequence].
 * @example
 * const { model } = await bert().build(checkpoint, { head: 'masked-lm' })
 */
export const bert = (): Model<'bert'> =>
  defineFamily({
    name: 'bert',
    config,
    maxLength: ({ positions }) => positions,
    heads: {
      base: { outputs: ['last_hidden_state', 'pooler_output?'], emit: base },
      'masked-lm': { outputs: ['logits'], emit: maskedLM },
      'next-sentence': { outputs: ['logits'], emit: nextSentence },
      pretraining: { outputs: ['prediction_logits', 'seq_relationship_logits'], emit: pretraining },
      'sequence-classification': { outputs: ['logits'], emit: sequenceClassification },
      'token-classification': { outputs: ['logits'], emit: tokenClassification },
      'question-answering': { outputs: ['start_logits', 'end_logits'], emit: questionAnswering },
      'multiple-choice': { outputs: ['logits'], emit: multipleChoice },
    },
    spellings: spelledUnder('bert'),
  })

interface BertConfig {
  readonly vocabulary: number
  readonly hidden: number
  readonly layers: number
  readonly heads: number
  readonly intermediate: number
  readonly activation: string
  readonly positions: number
  readonly segments: number
  readonly epsilon: number
  readonly labels: number
}

function config(checkpoint: Checkpoint): BertConfig {
  only(checkpoint, 'position_embedding_type', 'absolute')
  only(checkpoint, 'is_decoder', false)
  return {
    vocabulary: sizeIn(checkpoint, 'vocab_size'),
    hidden: sizeIn(checkpoint, 'hidden_size'),
    layers: layersIn(checkpoint),
    heads: sizeIn(checkpoint, 'num_attention_heads'),
    intermediate: sizeIn(checkpoint, 'intermediate_size'),
    activation: optionIn(checkpoint, 'hidden_act', 'gelu'),
    positions: sizeIn(checkpoint, 'max_position_embeddings'),
    segments: sizeIn(checkpoint, 'type_vocab_size'),
    epsilon: optionIn(checkpoint, 'layer_norm_eps', 1e-12),
    labels: labelCount(checkpoint),
  }
}

function embeddings(w: Weights, config: BertConfig, { ids, segments }: Pairs): Value {
  const words = embedding(w.at('word_embeddings'), ids, config.vocabulary, config.hidden) // [batch, sequence, hidden]
  const kinds = embedding(w.at('token_type_embeddings'), segments, config.segments, config.hidden)
  const places = positions(w.at('position_embeddings'), ids, config.positions, config.hidden) // [sequence, hidden]
  return layerNorm(w.at('LayerNorm'), Add(Add(words, kinds), places), config.epsilon)
}

/** x: [batch * sequence, hidden], here and below. */
function attention(w: Weights, config: BertConfig, x: Value, texts: Texts): Value {
  const self = w.at('self')
  const mixed = selfAttention([self.at('query'), self.at('key'), self.at('value')], x, config.heads, texts)
  const output = linear(w.at('output.dense'), mixed, config.hidden)
  return layerNorm(w.at('output.LayerNorm'), Add(output, x), config.epsilon)
}

function block(w: Weights, config: BertConfig, x: Value, texts: Texts): Value {
  const attended = attention(w.at('attention'), config, x, texts)
  const wide = activation(w, config.activation, linear(w.at('intermediate.dense'), attended, config.intermediate))
  const output = linear(w.at('output.dense'), wide, config.hidden)
  return layerNorm(w.at('output.LayerNorm'), Add(output, attended), config.epsilon)
}

/** [batch * sequence, hidden] */
function encoder(w: Weights, config: BertConfig, given: Pairs): Value {
  let x = toRows(embeddings(w.at('embeddings'), config, given))
  for (let layer = 0; layer < config.layers; layer++) x = block(w.at('encoder.layer', layer), config, x, given)
  return x
}

/** The first token's state through a layer of its own: [batch, hidden] */
function pooler(w: Weights, config: BertConfig, x: Value, ids: Value): Value {
  return Tanh(linear(w.at('pooler.dense'), firstToken(x, ids), config.hidden))
}

function pooled(w: Weights, config: BertConfig, given: Pairs): Value {
  return pooler(w, config, encoder(w, config, given), given.ids)
}

function base(builder: GraphBuilder, weights: Weights, config: BertConfig): void {
  const given = pairs(builder)
  const w = weights.at('bert')
  const x = encoder(w, config, given)
  builder.output('last_hidden_state', fromRows(x, given.ids))
  if (w.has('pooler.dense.weight')) builder.output('pooler_output', pooler(w, config, x, given.ids))
}

/** The decoder is the word embedding, transposed: [batch, sequence, vocabulary] */
function predictions(weights: Weights, config: BertConfig, x: Value, ids: Value): Value {
  const w = weights.at('cls.predictions')
  const transformed = layerNorm(w.at('transform.LayerNorm'), activation(w, config.activation, linear(w.at('transform.dense'), x, config.hidden)), config.epsilon)
  return wordScores({ decoder: w.at('decoder'), words: weights.at('bert.embeddings.word_embeddings'), bias: w }, transformed, ids, config.vocabulary)
}

function maskedLM(builder: GraphBuilder, weights: Weights, config: BertConfig): void {
  const given = pairs(builder)
  builder.output('logits', predictions(weights, config, encoder(weights.at('bert'), config, given), given.ids))
}

/** [batch, 2]: whether the second text follows the first, or not. */
function nextSentence(builder: GraphBuilder, weights: Weights, config: BertConfig): void {
  builder.output('logits', linear(weights.at('cls.seq_relationship'), pooled(weights.at('bert'), config, pairs(builder)), 2))
}

function pretraining(builder: GraphBuilder, weights: Weights, config: BertConfig): void {
  const given = pairs(builder)
  const w = weights.at('bert')
  const x = encoder(w, config, given)
  builder.output('prediction_logits', predictions(weights, config, x, given.ids))
  builder.output('seq_relationship_logits', linear(weights.at('cls.seq_relationship'), pooler(w, config, x, given.ids), 2))
}

/** [batch, labels] */
function sequenceClassification(builder: GraphBuilder, weights: Weights, config: BertConfig): void {
  builder.output('logits', linear(weights.at('classifier'), pooled(weights.at('bert'), config, pairs(builder)), config.labels))
}

/** [batch, sequence, labels] */
function tokenClassification(builder: GraphBuilder, weights: Weights, config: BertConfig): void {
  const given = pairs(builder)
  builder.output('logits', tokenScores(weights.at('classifier'), encoder(weights.at('bert'), config, given), given.ids, config.labels))
}

/** [batch, sequence] each */
function questionAnswering(builder: GraphBuilder, weights: Weights, config: BertConfig): void {
  const given = pairs(builder)
  spanScores(builder, weights.at('qa_outputs'), encoder(weights.at('bert'), config, given), given.ids)
}

/** [batch, choices] */
function multipleChoice(builder: GraphBuilder, weights: Weights, config: BertConfig): void {
  const given = pairs(builder, CHOICES)
  const scores = linear(weights.at('classifier'), pooled(weights.at('bert'), config, eachChoice(given)), 1) // [batch * choices, 1]
  builder.output('logits', perChoice(scores, given.ids))
}
