import { inlineConstant, type Checkpoint, type Model } from '@tenon/core'
import { integers, scalar, type GraphBuilder, type Value } from '@tenon/graph'
import { Abs, Add, And, ArgMax, Cast, Cos, Div, Gather, LessOrEqual, Mul, MultiHeadAttention, Range, ReduceSum, RotaryEmbedding, Shape, Sin, Split, Squeeze, Sub, Unsqueeze, Where } from '@tenon/graph/ops'
import { activation } from './activations.js'
import { headSize, labelCount, layersIn, malformed, optionIn, sizeIn } from './config.js'
import { defineFamily } from './family.js'
import { firstToken, perChoice, spanScores, tokenScores, wordScores } from './heads.js'
import { embedding, fromRows, layerNorm, linear, LOWEST, toRows } from './layers.js'
import { CHOICES, eachChoice, texts, tokenPositions, type Texts } from './texts.js'
import { spelledUnder, type Weights } from './weights.js'

/**
 * ModernBERT (Warner et al. 2024): an encoder of pre-norm blocks with rotary positions, gated layers and no biases, in
 * which most layers see only the neighbourhood of a token. Its graphs take `input_ids` and `attention_mask`, int64, [batch, sequence].
 * @example
 * const { model } = await modernbert().build(checkpoint, { head: 'masked-lm' })
 */
export const modernbert = (): Model<'modernbert'> =>
  defineFamily({
    name: 'modernbert',
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
    spellings: spelledUnder('model'),
  })

interface ModernBertConfig {
  readonly vocabulary: number
  readonly hidden: number
  readonly heads: number
  readonly headSize: number
  readonly intermediate: number
  readonly activation: string
  readonly positions: number
  readonly epsilon: number
  /** What each layer sees. */
  readonly views: readonly View[]
  /** The base of the rotary angles for each kind of layer. */
  readonly theta: Readonly<Record<View, number>>
  /** How far a local layer sees, to either side. */
  readonly reach: number
  /** Which parts have a bias. */
  readonly biases: Readonly<Record<'norm' | 'attention' | 'mlp' | 'decoder' | 'classifier', boolean>>
  readonly pooling: string
  readonly headActivation: string
  readonly labels: number
}

type View = 'full_attention' | 'sliding_attention'

function config(checkpoint: Checkpoint): ModernBertConfig {
  const hasBias = (part: string, otherwise = false) => optionIn<boolean>(checkpoint, `${part}_bias`, otherwise)
  const hidden = sizeIn(checkpoint, 'hidden_size')
  const heads = sizeIn(checkpoint, 'num_attention_heads')
  return {
    vocabulary: sizeIn(checkpoint, 'vocab_size'),
    hidden,
    heads,
    headSize: headSize(hidden, heads, 2),
    intermediate: sizeIn(checkpoint, 'intermediate_size'),
    activation: optionIn<string>(checkpoint, 'hidden_activation', 'gelu'),
    positions: sizeIn(checkpoint, 'max_position_embeddings'),
    epsilon: optionIn<number>(checkpoint, 'norm_eps', 1e-5),
    views: viewsIn(checkpoint),
    theta: thetaIn(checkpoint),
    reach: Math.floor(sizeIn(checkpoint, 'local_attention', 128) / 2),
    biases: { norm: hasBias('norm'), attention: hasBias('attention'), mlp: hasBias('mlp'), decoder: hasBias('decoder', true), classifier: hasBias('classifier') },
    pooling: optionIn<string>(checkpoint, 'classifier_pooling', 'cls'),
    headActivation: optionIn<string>(checkpoint, 'classifier_activation', 'gelu'),
    labels: labelCount(checkpoint),
  }
}

/** Newer configs list them; the first ones say that every nth layer, counted from the first, sees everything. */
function viewsIn(checkpoint: Checkpoint): readonly View[] {
  const layers = layersIn(checkpoint)
  const listed = checkpoint.config['layer_types'] ?? undefined
  if (listed === undefined) {
    const period = sizeIn(checkpoint, 'global_attn_every_n_layers', 3)
    return Array.from({ length: layers }, (_, layer) => (layer % period === 0 ? 'full_attention' : 'sliding_attention'))
  }
  if (!Array.isArray(listed) || listed.length !== layers || listed.some((type) => type !== 'full_attention' && type !== 'sliding_attention')) {
    throw malformed(checkpoint, `gives 'layer_types' as ${JSON.stringify(listed)}`, `List 'full_attention' or 'sliding_attention' for each of the ${layers} layers`)
  }
  return listed
}

/** Newer configs have them by kind of layer; in the first ones a local theta of null was the global one. */
function thetaIn(checkpoint: Checkpoint): Record<View, number> {
  const global = optionIn<number>(checkpoint, 'global_rope_theta', 160_000)
  const local = checkpoint.config['local_rope_theta'] === null ? global : optionIn<number>(checkpoint, 'local_rope_theta', 10_000)
  const scaling = checkpoint.config['rope_scaling'] ?? undefined
  const given = (checkpoint.config['rope_parameters'] ?? {}) as Partial<Record<View, { readonly rope_type?: unknown; readonly rope_theta?: unknown }>>
  const unknown = Object.keys(given).filter((key) => key !== 'full_attention' && key !== 'sliding_attention')
  if (unknown.length > 0) throw malformed(checkpoint, `has '${unknown[0]}' among its 'rope_parameters'`, "Give those of 'full_attention' and of 'sliding_attention'")
  const thetaOf = (view: View, otherwise: number) => {
    const { rope_type: type = 'default', rope_theta: theta = otherwise } = given[view] ?? {}
    if (type !== 'default' || scaling !== undefined || typeof theta !== 'number') {
      throw malformed(checkpoint, `turns positions by ${JSON.stringify(scaling ?? given[view])}`, "Only the rope_type 'default' with a number as rope_theta is built for this family")
    }
    return theta
  }
  return { full_attention: thetaOf('full_attention', global), sliding_attention: thetaOf('sliding_attention', local) }
}

/** What all layers of a kind share: computed once. */
interface Surroundings {
  readonly ids: Value
  readonly cosines: Value // [sequence, size / 2]
  readonly sines: Value // [sequence, size / 2]
  /** [batch, sequence], int32, 0 where a token is padding. */
  readonly mask?: Value
  /** [batch, 1, sequence, sequence], to be added to scores: 0 where a token is seen, the lowest number where not. */
  readonly bias?: Value
}

function surroundings(config: ModernBertConfig, { ids, mask }: Texts): Readonly<Record<View, Surroundings>> {
  const positions = tokenPositions(ids) // [sequence]
  const column = Unsqueeze(positions, integers(ids, [1]))
  const angles = (view: View) => rotation(Cast(column, { to: 'float32' }), config.theta[view], config.headSize)
  const near = LessOrEqual(Abs(Sub(column, positions)), scalar(positions, config.reach)) // [sequence, sequence]
  const seen = And(near, Cast(Unsqueeze(mask, integers(mask, [1, 2])), { to: 'bool' }))
  const zero = ids.builder.constant(inlineConstant('float32', [], Float32Array.of(0)))
  return {
    full_attention: { ids, ...angles('full_attention'), mask: Cast(mask, { to: 'int32' }) },
    // Padding is part of the bias: the lowest number twice would be minus infinity, and a row of nothing else no number.
    sliding_attention: { ids, ...angles('sliding_attention'), bias: Where(seen, zero, scalar(zero, LOWEST)) },
  }
}

/** The angle of pair i at position p is p · θ^(-2i / size) (Su et al. 2021). positions: [sequence, 1] */
function rotation(positions: Value, theta: number, size: number): { readonly cosines: Value; readonly sines: Value } {
  const frequencies = Float32Array.from({ length: size / 2 }, (_, pair) => theta ** ((-2 * pair) / size))
  const angles = Mul(positions, positions.builder.constant(inlineConstant('float32', [size / 2], frequencies)))
  return { cosines: Cos(angles), sines: Sin(angles) }
}

const norm = (w: Weights, config: ModernBertConfig, x: Value) => layerNorm(w, x, config.epsilon, { bias: config.biases.norm })

const parts = (x: Value, count: number): readonly Value[] => x.builder.emit(Split, [x], { axis: 1, num_outputs: count }, count)

/** x: [batch * sequence, hidden], here and below. */
function attention(w: Weights, { hidden, heads, biases }: ModernBertConfig, x: Value, { ids, cosines, sines, mask, bias }: Surroundings): Value {
  const options = { bias: biases.attention }
  const [query, key, value] = parts(linear(w.at('Wqkv'), x, 3 * hidden, options), 3).map((part) => fromRows(part, ids)) as [Value, Value, Value] // [batch, sequence, heads * size]
  const turn = (each: Value) => RotaryEmbedding(each, integers(ids, [0]), cosines, sines)
  const mixed = MultiHeadAttention(turn(query), turn(key), value, undefined, mask, bias, { num_heads: heads, mask_filter_value: LOWEST })
  return linear(w.at('Wo'), toRows(mixed), hidden, options)
}

/** Half of the wide layer lets the other half through (GeGLU, Shazeer 2020). */
function gated(w: Weights, { hidden, intermediate, activation: name, biases }: ModernBertConfig, x: Value): Value {
  const options = { bias: biases.mlp }
  const [wide, gate] = parts(linear(w.at('Wi'), x, 2 * intermediate, options), 2) as [Value, Value]
  return linear(w.at('Wo'), Mul(activation(w, name, wide), gate), hidden, options)
}

/** [batch * sequence, hidden] */
function encoder(weights: Weights, config: ModernBertConfig, given: Texts): Value {
  const w = weights.at('model')
  const around = surroundings(config, given)
  const words = embedding(w.at('embeddings.tok_embeddings'), given.ids, config.vocabulary, config.hidden)
  let x = norm(w.at('embeddings.norm'), config, toRows(words))
  for (const [layer, view] of config.views.entries()) {
    const block = w.at('layers', layer)
    // What comes out of the embeddings has just been normed.
    const normed = layer === 0 ? x : norm(block.at('attn_norm'), config, x)
    x = Add(x, attention(block.at('attn'), config, normed, around[view]))
    x = Add(x, gated(block.at('mlp'), config, norm(block.at('mlp_norm'), config, x)))
  }
  return norm(w.at('final_norm'), config, x)
}

function base(builder: GraphBuilder, weights: Weights, config: ModernBertConfig): void {
  const given = texts(builder)
  builder.output('last_hidden_state', fromRows(encoder(weights, config, given), given.ids))
}

/** What every head but the base starts with: [rows, hidden] → [rows, hidden] */
function headed(weights: Weights, config: ModernBertConfig, x: Value): Value {
  const w = weights.at('head')
  const dense = linear(w.at('dense'), x, config.hidden, { bias: config.biases.classifier })
  return norm(w.at('norm'), config, activation(w, config.headActivation, dense))
}

/** Scores of every word for every token; the decoder is the word embedding, transposed: [batch, sequence, vocabulary] */
function maskedLM(builder: GraphBuilder, weights: Weights, config: ModernBertConfig): void {
  const given = texts(builder)
  const decoder = weights.at('decoder')
  const x = headed(weights, config, encoder(weights, config, given))
  builder.output('logits', wordScores({ decoder, words: weights.at('model.embeddings.tok_embeddings'), bias: config.biases.decoder ? decoder : undefined }, x, given.ids, config.vocabulary))
}

/** One state for each text: [batch, hidden] */
function pooled(weights: Weights, config: ModernBertConfig, given: Texts, first: (x: Value, given: Texts) => Value): Value {
  const x = encoder(weights, config, given)
  if (config.pooling !== 'cls' && config.pooling !== 'mean') throw malformed(weights.checkpoint, `sets 'classifier_pooling' to '${config.pooling}'`, "Set it to 'cls' or 'mean'")
  return headed(weights, config, config.pooling === 'mean' ? mean(x, given) : first(x, given))
}

/** The mean of each text's states, without those of padding: [batch, hidden] */
function mean(x: Value, { ids, mask }: Texts): Value {
  const counts = Cast(mask, { to: 'float32' })
  const total = ReduceSum(Mul(fromRows(x, ids), Unsqueeze(counts, integers(x, [2]))), integers(x, [1]), { keepdims: 0 })
  return Div(total, ReduceSum(counts, integers(x, [1])))
}

/** The state of each text's first token that is no padding, which may stand in front: [batch, hidden] */
function firstReal(x: Value, { ids, mask }: Texts): Value {
  const place = ArgMax(Cast(mask, { to: 'int32' }), { axis: 1, keepdims: 0 }) // [batch]
  const [texts, length] = [0, 1].map((axis) => Squeeze(Shape(ids, { start: axis, end: axis + 1 }), integers(x, [0]))) as [Value, Value]
  const rows = Mul(Range(scalar(length, 0), texts, scalar(length, 1)), length)
  return Gather(x, Add(rows, place))
}

/** [batch, labels] */
function sequenceClassification(builder: GraphBuilder, weights: Weights, config: ModernBertConfig): void {
  const given = texts(builder)
  builder.output('logits', linear(weights.at('classifier'), pooled(weights, config, given, (x, { ids }) => firstToken(x, ids)), config.labels))
}

/** [batch, sequence, labels] */
function tokenClassification(builder: GraphBuilder, weights: Weights, config: ModernBertConfig): void {
  const given = texts(builder)
  builder.output('logits', tokenScores(weights.at('classifier'), headed(weights, config, encoder(weights, config, given)), given.ids, config.labels))
}

/** [batch, sequence] each */
function questionAnswering(builder: GraphBuilder, weights: Weights, config: ModernBertConfig): void {
  const given = texts(builder)
  spanScores(builder, weights.at('classifier'), headed(weights, config, encoder(weights, config, given)), given.ids)
}

/** [batch, choices] */
function multipleChoice(builder: GraphBuilder, weights: Weights, config: ModernBertConfig): void {
  const given = texts(builder, CHOICES)
  builder.output('logits', perChoice(linear(weights.at('classifier'), pooled(weights, config, eachChoice(given), firstReal), 1), given.ids))
}
