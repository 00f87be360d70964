import { inlineConstant, tensor } from '@tenon/core'
import { bert } from '@tenon/models/bert'
import { random } from '../statistics.mjs'

/** Shapes of encoders in use. The vocabulary is small: a lookup costs the same. */
export const shapes = {
  'MiniLM': { num_hidden_layers: 6, hidden_size: 384, num_attention_heads: 12, intermediate_size: 1536 },
  'BERT-base': { num_hidden_layers: 12, hidden_size: 768, num_attention_heads: 12, intermediate_size: 3072 },
}

/** Unique numbers, since a runtime may keep equal weights once. Their standard deviation is `scale`. */
export function numbers(size, seed, scale = 0.03) {
  const next = random(seed)
  return Float32Array.from({ length: size }, () => (next() + next() + next() - 1.5) * 2 * scale)
}

/** A BERT of this shape with made weights, as its family emits it. */
export async function encoder(shape) {
  const config = { model_type: 'bert', vocab_size: 1000, max_position_embeddings: 512, type_vocab_size: 2, layer_norm_eps: 1e-12, hidden_act: 'gelu', ...shape }
  const { hidden_size: hidden, intermediate_size: wide } = config
  const norm = (path) => [[`${path}.weight`, [hidden]], [`${path}.bias`, [hidden]]]
  const linear = (path, from, to) => [[`${path}.weight`, [to, from]], [`${path}.bias`, [to]]]
  const layer = (index) => {
    const path = `encoder.layer.${index}`
    return [
      ...['query', 'key', 'value'].flatMap((name) => linear(`${path}.attention.self.${name}`, hidden, hidden)),
      ...linear(`${path}.attention.output.dense`, hidden, hidden),
      ...norm(`${path}.attention.output.LayerNorm`),
      ...linear(`${path}.intermediate.dense`, hidden, wide),
      ...linear(`${path}.output.dense`, wide, hidden),
      ...norm(`${path}.output.LayerNorm`),
    ]
  }
  const parameters = [
    ['embeddings.word_embeddings.weight', [config.vocab_size, hidden]],
    ['embeddings.position_embeddings.weight', [config.max_position_embeddings, hidden]],
    ['embeddings.token_type_embeddings.weight', [config.type_vocab_size, hidden]],
    ...norm('embeddings.LayerNorm'),
    ...Array.from({ length: config.num_hidden_layers }, (_, index) => layer(index)).flat(),
  ]
  const constants = new Map(parameters.map(([name, size], seed) => {
    const values = numbers(size.reduce((a, b) => a * b, 1), seed + 1)
    return [name, inlineConstant('float32', size, name.endsWith('LayerNorm.weight') ? values.map((value) => value + 1) : values)]
  }))
  const { model } = await bert().build({ reference: 'made', config, constants }, { head: 'base' })
  return model
}

/** Texts of one length, without padding. */
export function feeds(batch, length) {
  const of = (value) => tensor('int64', [batch, length], BigInt64Array.from({ length: batch * length }, value))
  const next = random(batch * length)
  return { input_ids: of(() => BigInt(Math.floor(next() * 999) + 1)), attention_mask: of(() => 1n), token_type_ids: of(() => 0n) }
}
