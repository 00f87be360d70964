import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeSafetensors } from '@tenon/checkpoint'
import { inlineConstant } from '@tenon/core'

const [HIDDEN, WIDE, WORDS, POSITIONS, LAYERS] = [64, 128, 80, 32, 2] as const

const config = {
  model_type: 'bert',
  architectures: ['BertForMaskedLM'],
  vocab_size: WORDS,
  hidden_size: HIDDEN,
  num_hidden_layers: LAYERS,
  num_attention_heads: 4,
  intermediate_size: WIDE,
  hidden_act: 'gelu',
  max_position_embeddings: POSITIONS,
  type_vocab_size: 2,
  layer_norm_eps: 1e-12,
}

/** A BERT with a masked-language head, small, random, and yet large enough to be worth quantising. Deleted when it is disposed of. */
export async function tinyBert(changes: Readonly<Record<string, unknown>> = {}): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'tenon-cli-'))
  await writeFile(join(path, 'config.json'), JSON.stringify({ ...config, ...changes }))
  let seed = 0
  const tensors = shapes().map(([name, shape]) => [name, inlineConstant('float32', shape, noise(shape, ++seed))] as const)
  await writeSafetensors(join(path, 'model.safetensors'), tensors)
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

/** The same numbers every time, between -0.2 and 0.2. */
function noise(shape: readonly number[], seed: number): Float32Array {
  let state = Math.imul(seed, 2654435761)
  return Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, () => {
    state = (Math.imul(state ^ (state >>> 15), 2246822519) + 3266489917) | 0
    return (state / 2 ** 31) * 0.2
  })
}

function shapes(): (readonly [name: string, shape: readonly number[]])[] {
  const linear = (name: string, out: number, from: number) => [[`${name}.weight`, [out, from]], [`${name}.bias`, [out]]] as const
  const norm = (name: string) => [[`${name}.weight`, [HIDDEN]], [`${name}.bias`, [HIDDEN]]] as const
  const layers = Array.from({ length: LAYERS }, (_, layer) => `bert.encoder.layer.${layer}`)
  return [
    ['bert.embeddings.word_embeddings.weight', [WORDS, HIDDEN]],
    ['bert.embeddings.position_embeddings.weight', [POSITIONS, HIDDEN]],
    ['bert.embeddings.token_type_embeddings.weight', [2, HIDDEN]],
    ...norm('bert.embeddings.LayerNorm'),
    ...layers.flatMap((layer) => [
      ...['query', 'key', 'value'].flatMap((name) => linear(`${layer}.attention.self.${name}`, HIDDEN, HIDDEN)),
      ...linear(`${layer}.attention.output.dense`, HIDDEN, HIDDEN),
      ...norm(`${layer}.attention.output.LayerNorm`),
      ...linear(`${layer}.intermediate.dense`, WIDE, HIDDEN),
      ...linear(`${layer}.output.dense`, HIDDEN, WIDE),
      ...norm(`${layer}.output.LayerNorm`),
    ]),
    ...linear('cls.predictions.transform.dense', HIDDEN, HIDDEN),
    ...norm('cls.predictions.transform.LayerNorm'),
    ['cls.predictions.bias', [WORDS]],
  ]
}
