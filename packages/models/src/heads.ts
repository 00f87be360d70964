import { integers, type GraphBuilder, type Value } from '@tenon/graph'
import { Gather, Gemm, Reshape, Shape, Squeeze } from '@tenon/graph/ops'
import { fromRows, linear } from './layers.js'
import type { Weights } from './weights.js'

// What several families put on top of their encoders. x: [batch * sequence, hidden]; ids: [batch, sequence].

/** The state of each text's first token: [batch, hidden] */
export function firstToken(x: Value, ids: Value): Value {
  return Squeeze(Gather(fromRows(x, ids), integers(x, [0]), { axis: 1 }), integers(x, [1]))
}

/** Scores of every label for every token: [batch, sequence, labels] */
export function tokenScores(w: Weights, x: Value, ids: Value, labels: number): Value {
  return fromRows(linear(w, x, labels), ids)
}

/** How well each token begins and ends the answer, as the outputs `start_logits` and `end_logits`, [batch, sequence] each. */
export function spanScores(builder: GraphBuilder, w: Weights, x: Value, ids: Value): void {
  const scores = linear(w, x, 2) // [batch * sequence, 2]
  for (const [column, name] of ['start_logits', 'end_logits'].entries()) {
    builder.output(name, Reshape(Gather(scores, integers(x, [column]), { axis: 1 }), Shape(ids)))
  }
}

/** Where the parameters of a masked language model's last layer are. */
interface WordWeights {
  readonly decoder: Weights
  /** The word embedding, which is the decoder where the checkpoint holds none. */
  readonly words: Weights
  /** What holds the bias where the decoder holds none: the two are one unless the decoder is not tied. `undefined` where there is no bias. */
  readonly bias: Weights | undefined
}

/** Scores of every word for every token: [batch, sequence, vocabulary] */
export function wordScores({ decoder, words, bias }: WordWeights, x: Value, ids: Value, vocabulary: number): Value {
  const shape = [vocabulary, x.shape.at(-1) as number]
  const table = (decoder.has('weight') ? decoder : words).get('weight', shape)
  const shift = bias && (decoder.has('bias') ? decoder : bias).get('bias', [vocabulary])
  return fromRows(Gemm(x, table, shift, { transB: 1 }), ids)
}

/** [batch * choices, 1] → [batch, choices], for `ids` of [batch, choices, sequence]. */
export function perChoice(scores: Value, ids: Value): Value {
  return Reshape(scores, Shape(ids, { start: 0, end: 2 }))
}
