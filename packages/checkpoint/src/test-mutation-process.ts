import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { closeSync, openSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TenonError } from '@tenon/core'
import { openFolder } from './folder.js'
import { ggufBytes, tinyMetadata } from './gguf/test-gguf.js'
import { mutatedBytes, mutatedJson, randomFrom } from './test-mutations.js'
import { tokenizers } from './test-tokenizers.js'
import { loadTokenizer } from './tokenizer.js'

// What another process runs, since a fault in native code would end it: opens COUNT damaged files of the kind TARGET, from
// the seed FIRST on, and prints what came of it. The number of the file under work is kept in STATE, for when it does end.

const target = process.env['TARGET']!
const count = Number(process.env['COUNT'])
const first = Number(process.env['FIRST'] ?? 0)
const folder = await mkdtemp(join(tmpdir(), 'tenon-mutations-'))

const one = (dtype: string, shape: readonly number[], bytes: number, offset: number) => ({ dtype, shape, data_offsets: [offset, offset + bytes] })
const header = { __metadata__: { format: 'pt' }, a: one('F32', [2, 3], 24, 0), b: one('I64', [], 8, 24), c: one('BF16', [4], 8, 32), d: one('BOOL', [0, 5], 0, 40) }
const data = new Uint8Array(40)

function safetensors(json: string, claimed?: bigint): Uint8Array {
  const text = Buffer.from(json)
  const bytes = Buffer.alloc(8 + text.length + data.length)
  bytes.writeBigUInt64LE(claimed ?? BigInt(text.length))
  text.copy(bytes, 8)
  return bytes
}

const config = { model_type: 'bert', hidden_size: 32, id2label: { 0: 'a', 1: 'b' }, layer_norm_eps: 1e-12, architectures: ['BertModel'] }
const index = { metadata: { total_size: 80 }, weight_map: { a: 'model-00001-of-00002.safetensors', b: 'model-00001-of-00002.safetensors', c: 'model-00002-of-00002.safetensors' } }

async function write(file: string, content: string | Uint8Array): Promise<void> {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, file), content)
}

/** Opens the folder and reads what it holds. */
async function openAll(): Promise<void> {
  await using checkpoint = await openFolder(folder)
  for (const constant of checkpoint.constants.values()) await constant.bytes()
}

/** As often as `share` a change to the bytes, else one to what they say. */
function json(document: unknown, random: () => number, share = 0.5): string | Uint8Array {
  return random() < share ? mutatedBytes(Buffer.from(JSON.stringify(document)), random) : JSON.stringify(mutatedJson(document, random))
}

/** Small models with tensors of every kind, one with a vocabulary of bytes and one of pieces. */
const models = [
  { model: 'gpt2', pre: 'qwen2', tokens: ['t', 'e', 'n', 'te', 'ten', '\u0120', '<|im_end|>', 'o', 's'], kinds: [1, 1, 1, 1, 1, 1, 3, 1, 4] },
  { model: 'llama', pre: 'default', tokens: ['<unk>', '<s>', '</s>', '<0x0A>', '\u2581', 't', 'e', 'te', '\u2581te'], kinds: [2, 3, 3, 6, 1, 1, 1, 1, 1] },
].map(({ model, pre, tokens, kinds }) =>
  ggufBytes({
    metadata: [
      ...tinyMetadata,
      ['tokenizer.ggml.model', model],
      ['tokenizer.ggml.pre', pre],
      ['tokenizer.ggml.tokens', ['string', tokens]],
      ['tokenizer.ggml.token_type', ['int32', kinds]],
      ['tokenizer.ggml.scores', ['float32', tokens.map((_, index) => -index)]],
      ['tokenizer.ggml.merges', ['string', ['t e', 'te n']]],
      ['tokenizer.ggml.bos_token_id', ['uint32', 1]],
      ['tokenizer.ggml.eos_token_id', ['uint32', 2]],
      ['tokenizer.chat_template', 'x'],
    ],
    tensors: [
      { name: 'token_embd.weight', dimensions: [32, 9], type: 8, data: new Uint8Array(9 * 34) },
      { name: 'blk.0.attn_q.weight', dimensions: [32, 4], type: 2, data: new Uint8Array(4 * 18) },
      { name: 'blk.0.attn_k.bias', dimensions: [4] },
      { name: 'blk.0.ffn_up.weight', dimensions: [256, 1], type: 12, data: new Uint8Array(144) },
      { name: 'blk.0.ffn_down.weight', dimensions: [256, 1], type: 14, data: new Uint8Array(210) },
      { name: 'output_norm.weight', dimensions: [8], type: 1, data: new Uint8Array(16) },
      { name: 'rope_freqs.weight', dimensions: [8], data: new Uint8Array(Float32Array.from({ length: 8 }, () => 1).buffer) },
    ],
  }),
)

/** What lengths, offsets and types are badly read as. */
const numbers = [0n, 1n, 2n, 31n, 32n, 255n, 2n ** 16n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 52n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 64n - 32n]

const targets: Record<string, (random: () => number) => Promise<void>> = {
  async safetensors(random) {
    const kind = random()
    const whole = safetensors(JSON.stringify(kind < 0.5 ? header : mutatedJson(header, random)), kind > 0.95 ? BigInt(Math.floor(random() * 2 ** 53)) * BigInt(Math.floor(random() * 2048)) : undefined)
    await write('model.safetensors', kind < 0.5 ? mutatedBytes(whole, random) : whole)
    await openAll()
  },
  async gguf(random) {
    const whole = Buffer.from(models[Math.floor(random() * models.length)]!)
    if (random() < 0.5) {
      const at = Math.floor(random() * (whole.length - 8))
      const number = numbers[Math.floor(random() * numbers.length)]!
      if (random() < 0.5) whole.writeBigUInt64LE(number, at)
      else whole.writeUInt32LE(Number(BigInt.asUintN(32, number)), at)
      await write('model.gguf', whole)
    } else await write('model.gguf', mutatedBytes(whole, random))
    await using checkpoint = await openFolder(join(folder, 'model.gguf'))
    for (const { bytes, blocks } of checkpoint.constants.values()) await Promise.all([bytes(), blocks?.codes.bytes(), blocks?.scales.bytes()])
    await Promise.all(['tokenizer_config.json', 'generation_config.json'].map((file) => checkpoint.json(file)))
    const tokenizer = await checkpoint.tokenizer()
    const { ids } = await tokenizer.encode('ten tens\n<|im_end|>')
    await tokenizer.decode(ids)
  },
  async config(random) {
    await write('config.json', json(config, random))
    await openAll()
  },
  async index(random) {
    await write('model.safetensors.index.json', json(index, random))
    await openAll()
  },
  async tokenizer(random) {
    const text = json(tokenizers[Math.floor(random() * tokenizers.length)], random, 0.15)
    const tokenizer = await loadTokenizer({ place: folder, read: async (file) => (file === 'tokenizer.json' ? Buffer.from(text).toString() : undefined) })
    const { ids } = await tokenizer.encode('Tenons  hold, \u00e9tage \ud83d\ude00 n\u00e4chste\n a.')
    await tokenizer.encodeBatch(['a', 'b c'], { maxLength: 8 }).catch(refusal)
    await tokenizer.decode(ids)
  },
}

const refusal = (error: unknown) => {
  if (!TenonError.isInstance(error)) throw error
}

if (target === 'safetensors') await write('config.json', JSON.stringify(config))
if (target === 'config') await write('model.safetensors', safetensors(JSON.stringify(header)))
if (target === 'index') {
  await write('config.json', JSON.stringify(config))
  for (const file of new Set(Object.values(index.weight_map))) await write(file, safetensors(JSON.stringify(header)))
}

let opened = 0
let slowest = { milliseconds: 0, seed: 0 }
const codes: Record<string, number> = {}
const faults: { readonly seed: number; readonly fault: string }[] = []
let outcomes = ''
const state = openSync(process.env['STATE']!, 'w')
for (let seed = first; seed < first + count; seed++) {
  writeSync(state, String(seed).padEnd(12), 0)
  const began = performance.now()
  try {
    await targets[target]!(randomFrom(seed))
    opened++
    outcomes += 'o'
  } catch (error) {
    if (TenonError.isInstance(error)) codes[error.code] = (codes[error.code] ?? 0) + 1
    else faults.push({ seed, fault: String((error as Error).stack ?? error) })
    outcomes += TenonError.isInstance(error) ? error.code.replace('TENON_', '')[0] : '!'
  }
  const milliseconds = performance.now() - began
  if (milliseconds > slowest.milliseconds) slowest = { milliseconds, seed }
}
closeSync(state)
await rm(folder, { recursive: true })
// Kilobytes on every system that Node runs on.
console.log(JSON.stringify({ opened, codes, faults: faults.slice(0, 10), slowest, peak: process.resourceUsage().maxRSS * 1024, outcomes: outcomes.slice(0, 1000) }))
