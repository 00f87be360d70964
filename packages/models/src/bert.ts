import type { Checkpoint, Model } from '@tenon/core'
import { integers, type GraphBuilder, type Value } from '@tenon/graph'
import { Add, Cast, Concat, Gather, Gemm, MultiHeadAttention, Reshape, Shape, Slice, Squeeze, Tanh } from '@tenon/graph/ops'
import { labelCount, only, optionIn, sizeIn } from './config.js'
import { defineFamily } from './family.js'
import { activation, embedding, fromRows, layerNorm, linear, toRows } from './layers.js'
import type { Weights } from './weights.js'

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
      base: { outputs: ['last_hidden_state', 'pooler_output'], emit: base },
      'masked-lm': { outputs: ['logits'], emit: maskedLM },
      'next-sentence': { outputs: ['logits'], emit: nextSentence },
      pretraining: { outputs: ['prediction_logits', 'seq_relationship_logits'], emit: pretraining },
      'sequence-classification': { outputs: ['logits'], emit: sequenceClassification },
      'token-classification': { outputs: ['logits'], emit: tokenClassification },
      'question-answering': { outputs: ['start_logits', 'end_logits'], emit: questionAnswering },
      'multiple-choice': { outputs: ['logits'], emit: multipleChoice },
    },
    // A base model is saved without its prefix, and the first checkpoints call a norm's parameters gamma and beta.
    spellings: (path) => {
      const legacy = (name: string) => name.replace(/LayerNorm\.weight$/, 'LayerNorm.gamma').replace(/LayerNorm\.bias$/, 'LayerNorm.beta')
      const bare = path.replace(/^bert\./, '')
      return [bare, legacy(path), legacy(bare)]
    },
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
    layers: sizeIn(checkpoint, 'num_hidden_layers'),
    heads: sizeIn(checkpoint, 'num_attention_heads'),
    intermediate: sizeIn(checkpoint, 'intermediate_size'),
    activation: optionIn(checkpoint, 'hidden_act', 'gelu'),
    positions: sizeIn(checkpoint, 'max_position_embeddings'),
    segments: sizeIn(checkpoint, 'type_vocab_size'),
    epsilon: optionIn(checkpoint, 'layer_norm_eps', 1e-12),
    labels: labelCount(checkpoint),
  }
}

interface Inputs {
  readonly ids: Value // [batch, sequence]
  readonly mask: Value // [batch, sequence], 0 where a token is padding
  readonly segments: Value // [batch, sequence]
}

function inputs(builder: GraphBuilder, shape: readonly string[] = ['batch', 'sequence']): Inputs {
  return {
    ids: builder.input('input_ids', 'int64', shape),
    mask: builder.input('attention_mask', 'int64', shape),
    segments: builder.input('token_type_ids', 'int64', shape),
  }
}

function embeddings(w: Weights, config: BertConfig, { ids, segments }: Inputs): Value {
  const words = embedding(w.at('word_embeddings'), ids, config.vocabulary, config.hidden) // [batch, sequence, hidden]
  const kinds = embedding(w.at('token_type_embeddings'), segments, config.segments, config.hidden)
  const table = w.at('position_embeddings').get('weight', [config.positions, config.hidden])
  const length = Shape(ids, { start: 1, end: 2 })
  const positions = Slice(table, integers(ids, [0]), length, integers(ids, [0])) // [sequence, hidden]
  return layerNorm(w.at('LayerNorm'), Add(Add(words, kinds), positions), config.epsilon)
}

/** x: [batch * sequence, hidden], here and below. */
function attention(w: Weights, config: BertConfig, x: Value, { ids, mask }: Inputs): Value {
  const project = (name: string) => fromRows(linear(w.at('self', name), x, config.hidden), ids) // [batch, sequence, heads * size]
  const mixed = MultiHeadAttention(project('query'), project('key'), project('value'), undefined, Cast(mask, { to: 'int32' }), undefined, {
    num_heads: config.heads,
    mask_filter_value: LOWEST,
  })
  const output = linear(w.at('output.dense'), toRows(mixed), config.hidden)
  return layerNorm(w.at('output.LayerNorm'), Add(output, x), config.epsilon)
}

/** The lowest float32, which `transformers` adds to the scores of padding. */
const LOWEST = -3.4028234663852886e38

function block(w: Weights, config: BertConfig, x: Value, inputs: Inputs): Value {
  const attended = attention(w.at('attention'), config, x, inputs)
  const wide = activation(w, config.activation, linear(w.at('intermediate.dense'), attended, config.intermediate))
  const output = linear(w.at('output.dense'), wide, config.hidden)
  return layerNorm(w.at('output.LayerNorm'), Add(output, attended), config.epsilon)
}

/** [batch * sequence, hidden] */
function encoder(w: Weights, config: BertConfig, inputs: Inputs): Value {
  let x = toRows(embeddings(w.at('embeddings'), config, inputs))
  for (let layer = 0; layer < config.layers; layer++) x = block(w.at('encoder.layer', layer), config, x, inputs)
  return x
}

/** The first token's state through a layer of its own: [batch, hidden] */
function pooler(w: Weights, config: BertConfig, x: Value, { ids }: Inputs): Value {
  const first = Squeeze(Gather(fromRows(x, ids), integers(x, [0]), { axis: 1 }), integers(x, [1]))
  return Tanh(linear(w.at('pooler.dense'), first, config.hidden))
}

function base(builder: GraphBuilder, weights: Weights, config: BertConfig): void {
  const given = inputs(builder)
  const w = weights.at('bert')
  const x = encoder(w, config, given)
  builder.output('last_hidden_state', fromRows(x, given.ids))
  if (w.has('pooler.dense.weight')) builder.output('pooler_output', pooler(w, config, x, given))
}

/** Scores of every word for every token; the decoder is the word embedding, transposed: [batch, sequence, vocabulary] */
function wordScores(weights: Weights, config: BertConfig, x: Value, { ids }: Inputs): Value {
  const w = weights.at('cls.predictions')
  const transformed = layerNorm(w.at('transform.LayerNorm'), activation(w, config.activation, linear(w.at('transform.dense'), x, config.hidden)), config.epsilon)
  const shape = [config.vocabulary, config.hidden]
  const decoder = w.has('decoder.weight') ? w.get('decoder.weight', shape) : weights.at('bert.embeddings.word_embeddings').get('weight', shape)
  return fromRows(Gemm(transformed, decoder, w.get('bias', [config.vocabulary]), { transB: 1 }), ids)
}

function maskedLM(builder: GraphBuilder, weights: Weights, config: BertConfig): void {
  const given = inputs(builder)
  builder.output('logits', wordScores(weights, config, encoder(weights.at('bert'), config, given), given))
}

/** [batch, 2]: whether the second text follows the first, or not. */
function nextSentence(builder: GraphBuilder, weights: Weights, config: BertConfig): void {
  const given = inputs(builder)
  const w = weights.at('bert')
  const pooled = pooler(w, config, encoder(w, config, given), given)
  builder.output('logits', linear(weights.at('cls.seq_relationship'), pooled, 2))
}

function pretraining(builder: GraphBuilder, weights: Weights, config: BertConfig): void {
  const given = inputs(builder)
  const w = weights.at('bert')
  const x = encoder(w, config, given)
  builder.output('prediction_logits', wordScores(weights, config, x, given))
  builder.output('seq_relationship_logits', linear(weights.at('cls.seq_relationship'), pooler(w, config, x, given), 2))
}

/** [batch, labels] */
function sequenceClassification(builder: GraphBuilder, weights: Weights, config: BertConfig): void {
  const given = inputs(builder)
  const w = weights.at('bert')
  const pooled = pooler(w, config, encoder(w, config, given), given)
  builder.output('logits', linear(weights.at('classifier'), pooled, config.labels))
}

/** [batch, sequence, labels] */
function tokenClassification(builder: GraphBuilder, weights: Weights, config: BertConfig): void {
  const given = inputs(builder)
  const x = encoder(weights.at('bert'), config, given)
  builder.output('logits', fromRows(linear(weights.at('classifier'), x, config.labels), given.ids))
}

/** [batch, sequence] each */
function questionAnswering(builder: GraphBuilder, weights: Weights, config: BertConfig): void {
  const given = inputs(builder)
  const x = encoder(weights.at('bert'), config, given)
  const scores = linear(weights.at('qa_outputs'), x, 2) // [batch * sequence, 2]
  for (const [column, name] of ['start_logits', 'end_logits'].entries()) {
    builder.output(name, Reshape(Gather(scores, integers(x, [column]), { axis: 1 }), Shape(given.ids)))
  }
}

/** Inputs are [batch, choices, sequence]; every choice is scored as a text of its own: [batch, choices] */
function multipleChoice(builder: GraphBuilder, weights: Weights, config: BertConfig): void {
  const given = inputs(builder, ['batch', 'choices', 'sequence'])
  const flat = (x: Value) => Reshape(x, Concat([integers(x, [-1]), Shape(x, { start: 2, end: 3 })], { axis: 0 })) // [batch * choices, sequence]
  const texts: Inputs = { ids: flat(given.ids), mask: flat(given.mask), segments: flat(given.segments) }
  const w = weights.at('bert')
  const pooled = pooler(w, config, encoder(w, config, texts), texts)
  const scores = linear(weights.at('classifier'), pooled, 1) // [batch * choices, 1]
  builder.output('logits', Reshape(scores, Shape(given.ids, { start: 0, end: 2 })))
}
