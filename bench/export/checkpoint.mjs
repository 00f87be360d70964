import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { writeSafetensors } from '@tenon/checkpoint'
import { bytesOf, lazyConstant } from '@tenon/core'
import { random } from '../statistics.mjs'

/** bert-base-uncased: 110 million parameters. */
const config = {
  model_type: 'bert',
  architectures: ['BertModel'],
  vocab_size: 30522,
  hidden_size: 768,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  intermediate_size: 3072,
  hidden_act: 'gelu',
  hidden_dropout_prob: 0.1,
  attention_probs_dropout_prob: 0.1,
  max_position_embeddings: 512,
  type_vocab_size: 2,
  initializer_range: 0.02,
  layer_norm_eps: 1e-12,
  pad_token_id: 0,
  position_embedding_type: 'absolute',
  torch_dtype: 'float32',
}

/**
 * A checkpoint of BERT-base's shape with random weights: what an exporter does does not depend on them. Made once and
 * kept under node_modules.
 * @returns {Promise<string>} the folder.
 */
export async function prepareCheckpoint(say) {
  const folder = fileURLToPath(new URL('../../node_modules/.cache/tenon-bench/export-bert-base', import.meta.url))
  if (await stat(folder).catch(() => undefined)) return folder
  say('preparing a checkpoint of 438 MB')
  const unfinished = `${folder}.partial`
  await rm(unfinished, { recursive: true, force: true })
  await mkdir(unfinished, { recursive: true })
  await writeFile(join(unfinished, 'config.json'), JSON.stringify(config))
  const tensors = shapes().map(([name, shape], index) => [name, lazyConstant('float32', shape, async () => bytesOf(noise(shape, index)))])
  await writeSafetensors(join(unfinished, 'model.safetensors'), tensors, { metadata: { format: 'pt' } })
  await rename(unfinished, folder)
  return folder
}

function noise(shape, seed) {
  const next = random(seed + 1)
  return Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, () => (next() - 0.5) * 0.07)
}

function shapes() {
  const { hidden_size: hidden, intermediate_size: wide } = config
  const linear = (name, out, from) => [
    [`${name}.weight`, [out, from]],
    [`${name}.bias`, [out]],
  ]
  const norm = (name) => ['weight', 'bias'].map((each) => [`${name}.${each}`, [hidden]])
  const layers = Array.from({ length: config.num_hidden_layers }, (_, layer) => `encoder.layer.${layer}`)
  return [
    ['embeddings.word_embeddings.weight', [config.vocab_size, hidden]],
    ['embeddings.position_embeddings.weight', [config.max_position_embeddings, hidden]],
    ['embeddings.token_type_embeddings.weight', [config.type_vocab_size, hidden]],
    ...norm('embeddings.LayerNorm'),
    ...layers.flatMap((layer) => [
      ...['query', 'key', 'value'].flatMap((each) => linear(`${layer}.attention.self.${each}`, hidden, hidden)),
      ...linear(`${layer}.attention.output.dense`, hidden, hidden),
      ...norm(`${layer}.attention.output.LayerNorm`),
      ...linear(`${layer}.intermediate.dense`, wide, hidden),
      ...linear(`${layer}.output.dense`, hidden, wide),
      ...norm(`${layer}.output.LayerNorm`),
    ]),
    ...linear('pooler.dense', hidden, hidden),
  ]
}
