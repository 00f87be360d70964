import type { Checkpoint, Model } from '@tenon/core'
import type { GraphBuilder, Value } from '@tenon/graph'
import { Add, Gelu, Tanh } from '@tenon/graph/ops'
import { activation } from './activations.js'
import { idIn, labelCount, layersIn, only, optionIn, sizeIn } from './config.js'
import { defineFamily } from './family.js'
import { firstToken, perChoice, spanScores, tokenScores, wordScores } from './heads.js'
import { embedding, fromRows, layerNorm, linear, positionsAfter, selfAttention, toRows } from './layers.js'
import { CHOICES, eachChoice, pairs, texts, type Texts } from './texts.js'
import { spelledUnder, type Weights } from './weights.js'

/**
 * RoBERTa (Liu et al. 2019): BERT's encoder, with positions that are counted from the padding's id on and, most often,
 * without segments. Its graphs take `input_ids` and `attention_mask`, and `token_type_ids` where the checkpoint has several
 * segments, int64, [batch, sequence].
 * @param name The `model_type`, where another family computes the same.
 * @example
 * const { model } = await roberta().build(checkpoint, { head: 'question-answering' })
 */
export const roberta = <Name extends string = 'roberta'>(name: Name = 'roberta' as Name): Model<Name> =>
  defineFamily({
    name,
    config,
    maxLength: ({ positions, padding }) => positions - padding - 1,
    heads: {
      base: { outputs: ['last_hidden_state', 'pooler_output?'], emit: base },
      'masked-lm': { outputs: ['logits'], emit: maskedLM },
      'sequence-classification': { outputs: ['logits'], emit: sequenceClassification },
      'token-classification': { outputs: ['logits'], emit: tokenClassification },
      'question-answering': { outputs: ['start_logits', 'end_logits'], emit: questionAnswering },
      'multiple-choice': { outputs: ['logits'], emit: multipleChoice },
    },
    spellings: spelledUnder('roberta'),
  })

interface RobertaConfig {
  readonly vocabulary: number
  readonly hidden: number
  readonly layers: number
  readonly heads: number
  readonly intermediate: number
  readonly activation: string
  readonly positions: number
  /** Id of the token that pads, and the position of padding. */
  readonly padding: number
  readonly segments: number
  readonly epsilon: number
  readonly labels: number
}

function config(checkpoint: Checkpoint): RobertaConfig {
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
    padding: idIn(checkpoint, 'pad_token_id', 1),
    segments: sizeIn(checkpoint, 'type_vocab_size'),
    epsilon: optionIn(checkpoint, 'layer_norm_eps', 1e-12),
    labels: labelCount(checkpoint),
  }
}

/** Segments are read where there are several to tell apart. */
interface Inputs extends Texts {
  readonly segments?: Value // [batch, sequence]
}

const inputs = (builder: GraphBuilder, config: RobertaConfig, shape?: readonly string[]): Inputs => (config.segments > 1 ? pairs(builder, shape) : texts(builder, shape))

function embeddings(w: Weights, config: RobertaConfig, { ids, segments }: Inputs): Value {
  const words = embedding(w.at('word_embeddings'), ids, config.vocabulary, config.hidden) // [batch, sequence, hidden]
  const kinds = segments === undefined ? w.get('token_type_embeddings.weight', [1, config.hidden]) : embedding(w.at('token_type_embeddings'), segments, config.segments, config.hidden)
  const places = embedding(w.at('position_embeddings'), positionsAfter(config.padding, ids), config.positions, config.hidden) // [batch, sequence, hidden]
  return layerNorm(w.at('LayerNorm'), Add(Add(words, kinds), places), config.epsilon)
}

/** x: [batch * sequence, hidden], here and below. */
function attention(w: Weights, config: RobertaConfig, x: Value, texts: Texts): Value {
  const self = w.at('self')
  const mixed = selfAttention([self.at('query'), self.at('key'), self.at('value')], x, config.heads, texts)
  const output = linear(w.at('output.dense'), mixed, config.hidden)
  return layerNorm(w.at('output.LayerNorm'), Add(output, x), config.epsilon)
}

function block(w: Weights, config: RobertaConfig, x: Value, texts: Texts): Value {
  const attended = attention(w.at('attention'), config, x, texts)
  const wide = activation(w, config.activation, linear(w.at('intermediate.dense'), attended, config.intermediate))
  const output = linear(w.at('output.dense'), wide, config.hidden)
  return layerNorm(w.at('output.LayerNorm'), Add(output, attended), config.epsilon)
}

/** [batch * sequence, hidden] */
function encoder(weights: Weights, config: RobertaConfig, given: Inputs): Value {
  const w = weights.at('roberta')
  let x = toRows(embeddings(w.at('embeddings'), config, given))
  for (let layer = 0; layer < config.layers; layer++) x = block(w.at('encoder.layer', layer), config, x, given)
  return x
}

/** The first token's state through a layer of its own: [batch, hidden] */
function pooler(weights: Weights, config: RobertaConfig, x: Value, ids: Value): Value {
  return Tanh(linear(weights.at('roberta.pooler.dense'), firstToken(x, ids), config.hidden))
}

function base(builder: GraphBuilder, weights: Weights, config: RobertaConfig): void {
  const given = inputs(builder, config)
  const x = encoder(weights, config, given)
  builder.output('last_hidden_state', fromRows(x, given.ids))
  if (weights.has('roberta.pooler.dense.weight')) builder.output('pooler_output', pooler(weights, config, x, given.ids))
}

/** The decoder is the word embedding, transposed, and the activation always GELU: [batch, sequence, vocabulary] */
function maskedLM(builder: GraphBuilder, weights: Weights, config: RobertaConfig): void {
  const given = inputs(builder, config)
  const w = weights.at('lm_head')
  const transformed = layerNorm(w.at('layer_norm'), Gelu(linear(w.at('dense'), encoder(weights, config, given), config.hidden)), config.epsilon)
  const words = weights.at('roberta.embeddings.word_embeddings')
  builder.output('logits', wordScores({ decoder: w.at('decoder'), words, bias: w }, transformed, given.ids, config.vocabulary))
}

/** The first token through two layers of the classifier's own, and not the pooler: [batch, labels] */
function sequenceClassification(builder: GraphBuilder, weights: Weights, config: RobertaConfig): void {
  const given = inputs(builder, config)
  const w = weights.at('classifier')
  const dense = Tanh(linear(w.at('dense'), firstToken(encoder(weights, config, given), given.ids), config.hidden))
  builder.output('logits', linear(w.at('out_proj'), dense, config.labels))
}

/** [batch, sequence, labels] */
function tokenClassification(builder: GraphBuilder, weights: Weights, config: RobertaConfig): void {
  const given = inputs(builder, config)
  builder.output('logits', tokenScores(weights.at('classifier'), encoder(weights, config, given), given.ids, config.labels))
}

/** [batch, sequence] each */
function questionAnswering(builder: GraphBuilder, weights: Weights, config: RobertaConfig): void {
  const given = inputs(builder, config)
  spanScores(builder, weights.at('qa_outputs'), encoder(weights, config, given), given.ids)
}

/** [batch, choices] */
function multipleChoice(builder: GraphBuilder, weights: Weights, config: RobertaConfig): void {
  const given = inputs(builder, config, CHOICES)
  const each = eachChoice(given)
  const pooled = pooler(weights, config, encoder(weights, config, each), each.ids)
  builder.output('logits', perChoice(linear(weights.at('classifier'), pooled, 1), given.ids))
}
