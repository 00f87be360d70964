import { createHash } from 'node:crypto'
import { cp, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openFolder, writeSafetensors } from '@tenon/checkpoint'
import { quantizeDynamically } from '@tenon/compress'
import { encodeOnnx, writeOnnx } from '@tenon/graph/onnx'
import { directory as shipped } from '@tenon/model-all-minilm-l6-v2'
import { bert } from '@tenon/models/bert'
import { PEER_OPSET, peerGraph } from './peer-graph.mjs'
import { quantizeAsPeer } from './q8.mjs'
import { ditheredWeights } from './weights.mjs'

const small = ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json', 'modules.json', 'sentence_bert_config.json', '1_Pooling/config.json']

/**
 * The same weights in the files that each side opens: a float32 checkpoint and our int8 of it; the peer's float32
 * export and its q8. Made once and kept under node_modules.
 * @param {string | undefined} source A float32 sentence-transformers folder, in place of the dithered weights.
 */
export async function prepare(source, say) {
  const recipe = await recipeDigest(source)
  const folder = fileURLToPath(new URL(`../../node_modules/.cache/tenon-bench/encoder-${recipe}`, import.meta.url))
  const folders = { float32: join(folder, 'float32'), int8: join(folder, 'int8'), peer: join(folder, 'peer') }
  if (await stat(folder).catch(() => undefined)) return folders

  say(source === undefined ? 'preparing weights from the ones that ship' : `preparing weights from ${source}`)
  const unfinished = `${folder}.partial`
  await rm(unfinished, { recursive: true, force: true })
  const [float32, int8, peer] = ['float32', 'int8', 'peer'].map((name) => join(unfinished, name))
  const origin = await openFolder(source ?? shipped)
  for (const target of [float32, int8, peer]) {
    for (const file of small) {
      await mkdir(dirname(join(target, file)), { recursive: true })
      await cp(await origin.path(file), join(target, file))
    }
    const { 'transformers.js_config': _, ...config } = origin.config
    await writeFile(join(target, 'config.json'), JSON.stringify(config))
  }
  const weights = source === undefined ? await ditheredWeights(origin) : new Map([...origin.constants].filter(([, { dtype }]) => dtype === 'float32'))
  await writeSafetensors(join(float32, 'model.safetensors'), weights)

  const checkpoint = await openFolder(float32)
  const { model } = await bert().build(checkpoint, { head: 'base' })
  await writeOnnx(quantizeDynamically().apply(model), join(int8, 'onnx/model_quantized.onnx'))
  const exported = peerGraph(checkpoint.config, checkpoint.constants)
  await writeWhole(exported, join(peer, 'onnx/model.onnx'))
  await writeWhole(await quantizeAsPeer(exported), join(peer, 'onnx/model_quantized.onnx'))
  await checkpoint[Symbol.asyncDispose]()
  await origin[Symbol.asyncDispose]()
  await rename(unfinished, folder)
  return folders
}

/** As optimum writes models of this size: with the weights in the model file. */
async function writeWhole(graph, path) {
  const constants = new Map()
  for (const [name, constant] of graph.constants) constants.set(name, { ...constant, inline: await constant.bytes() })
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, encodeOnnx({ ...graph, constants }, { opset: PEER_OPSET }))
}

/** What the files depend on: the code here, and the weights. */
async function recipeDigest(source) {
  const hash = createHash('sha256').update(source ?? '')
  const modules = ['prepare.mjs', 'weights.mjs', 'peer-graph.mjs', 'q8.mjs'].map((file) => new URL(file, import.meta.url))
  const weights = join(shipped, 'onnx/model_quantized.onnx_data')
  for (const file of [...modules, weights]) hash.update(await readFile(file))
  return hash.digest('hex').slice(0, 12)
}
