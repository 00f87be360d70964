import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { DisposedError, InvalidFileError, MissingFileError, viewAs, type Checkpoint, type TenonEvent } from '@tenon/core'
import { describe, expect, it, onTestFinished } from 'vitest'
import { files } from '../files.js'
import { openFolder } from '../folder.js'
import { openSafetensors } from '../safetensors.js'
import { fixture, openDescriptors, temporaryFolder } from '../test-support.js'
import { writeSafetensors } from '../write-safetensors.js'
import { llama3Scaling } from './rope-scaling.js'
import { storageOf } from './storage.js'
import { ggufBytes, tinyMetadata, type TestTensor, type TestValue } from './test-gguf.js'

const decoder = (path: string) => fileURLToPath(new URL(`../../../models/fixtures/${path}`, import.meta.url))

async function opened(path: string): Promise<Checkpoint> {
  const checkpoint = await openFolder(path)
  onTestFinished(() => checkpoint[Symbol.asyncDispose]())
  return checkpoint
}

/** The model that a file was made from: its config, its own weights and those it shares with the base of its family. */
async function original(folder: string) {
  const constants = new Map<string, { shape: readonly number[]; bytes: Uint8Array }>()
  for (const path of [join(folder, '../base/model.safetensors'), join(folder, 'model.safetensors')]) {
    const held = await openSafetensors(path).catch(() => undefined)
    for (const [name, constant] of held?.tensors ?? []) constants.set(name, { shape: constant.shape, bytes: await constant.bytes() })
    await held?.[Symbol.asyncDispose]()
  }
  return { config: JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as Record<string, unknown>, constants }
}

const models = [
  ['llama', 'llama/untied'],
  ['llama-biases', 'llama/biases'],
  ['llama3', 'llama/llama3'],
  ['llama-yarn', 'llama/yarn'],
  ['mistral', 'mistral/base'],
  ['qwen2', 'qwen2/base'],
  ['qwen3', 'qwen3/base'],
  ['qwen2moe', 'qwen2_moe/base'],
  ['starcoder2', 'starcoder2/base'],
  ['gpt2', 'gpt2/base'],
] as const

describe('a GGUF file', () => {
  it.each(models)('of %s has the parameters of the checkpoint that it was made from, under its names', async (file, folder) => {
    const { constants } = await opened(fixture(`gguf/${file}.gguf`))
    const from = await original(decoder(folder))
    expect([...constants.keys()].sort()).toEqual([...from.constants.keys()].sort())
    for (const [name, { shape, bytes }] of from.constants) {
      expect([name, constants.get(name)!.shape]).toEqual([name, shape])
      expect([name, Buffer.compare(await constants.get(name)!.bytes(), bytes)]).toEqual([name, 0])
    }
  })

  /** What the family's graph does not depend on, or what GGUF does not keep. */
  const elsewhere = new Set(['transformers_version', 'dtype', 'initializer_range', 'attention_dropout', 'use_cache', 'pretraining_tp', 'rope_parameters', 'layer_types', 'max_window_layers', 'bos_token_id', 'eos_token_id', 'pad_token_id'])
  it.each(models)('of %s has the config of the checkpoint that it was made from', async (file, folder) => {
    const { config } = await opened(fixture(`gguf/${file}.gguf`))
    const from = await original(decoder(folder))
    const rope = from.config['rope_parameters'] as Record<string, unknown> | undefined
    const { rope_theta: theta, ...scaling } = rope ?? {}
    expect(config['rope_theta']).toBe(theta)
    const scalings = { default: null, yarn: scaling, llama3: expect.objectContaining({ rope_type: 'llama3', factor: 8 }) as unknown }
    expect(config['rope_scaling']).toEqual(scalings[scaling['rope_type'] as keyof typeof scalings])
    if (folder !== 'mistral/base') from.config['sliding_window'] = null // llama.cpp's converter keeps it for no other of these
    const told = Object.entries(from.config).filter(([key, value]) => !elsewhere.has(key) && key in config && value !== null && !(key === 'hidden_act' && file === 'llama-biases')) // of activations, those that the family was published with stand
    expect(told.length).toBeGreaterThanOrEqual(10)
    for (const [key, value] of told) expect({ [key]: config[key] }).toEqual({ [key]: value })
  })

  it('tells of tokens what transformers has files for', async () => {
    const checkpoint = await opened(fixture('gguf/qwen2.gguf'))
    expect(checkpoint.files).toEqual(['qwen2.gguf'])
    expect(await checkpoint.json('config.json')).toEqual(checkpoint.config)
    expect(await checkpoint.json('tokenizer_config.json')).toMatchObject({ add_bos_token: false, eos_token: '<|endoftext|>', model_max_length: 128, chat_template: expect.stringContaining('{% for message') })
    expect(await checkpoint.json('generation_config.json')).toEqual({ eos_token_id: [95, 94] })
    expect(await checkpoint.json('other.json')).toBeUndefined()
    const tokenizer = await checkpoint.tokenizer()
    expect(tokenizer).toMatchObject({ vocabularySize: 96, maxLength: 128, special: { eos: '<|endoftext|>' } })
    expect((await tokenizer.encode('<|im_end|><|user|>')).ids).toEqual([94, 93])
    expect(await tokenizer.decode([93, 94], { skipSpecialTokens: true })).toBe('<|user|>') // which is the user's own, and no control token
  })

  it('is read with its other parts', async () => {
    const [split, whole] = [await opened(fixture('gguf/split/qwen2-00002-of-00003.gguf')), await opened(fixture('gguf/qwen2.gguf'))]
    expect(split.files).toEqual(['qwen2-00001-of-00003.gguf', 'qwen2-00002-of-00003.gguf', 'qwen2-00003-of-00003.gguf'])
    expect(split.config).toEqual(whole.config)
    expect([...split.constants.keys()].sort()).toEqual([...whole.constants.keys()].sort())
    for (const [name, constant] of whole.constants) expect(await split.constants.get(name)!.bytes()).toEqual(await constant.bytes())
  })

  it('is refused where its parts are others, or not all there', async () => {
    const root = await temporaryFolder()
    const part = (number: number, of = 3) => join(root, `m-0000${number}-of-0000${of}.gguf`)
    for (const [to, from] of [[1, 1], [2, 3], [3, 2]] as const) await cp(fixture(`gguf/split/qwen2-0000${from}-of-00003.gguf`), part(to))
    await expect(openFolder(root)).rejects.toThrow(/says that it is part 2 of 3, counted from 0, and its name that it is 1/)
    await cp(part(1), join(root, 'only/renamed.gguf'))
    await expect(openFolder(join(root, 'only'))).rejects.toThrow(/is one of 3 parts, and its name does not say which/)
    await cp(part(1), join(root, 'lone/m-00001-of-00003.gguf'))
    await expect(openFolder(join(root, 'lone'))).rejects.toThrow(MissingFileError)
  })
})

/** A file with a matrix of every kind that is treated in its way, and a vector. */
async function written(root: string, file: string, metadata: readonly (readonly [string, TestValue])[] = tinyMetadata, tensors?: readonly TestTensor[]): Promise<string> {
  const zeros = (name: string, type: number, bytes: number): TestTensor => ({ name, dimensions: [32, 64], type, data: new Uint8Array(64 * bytes) })
  const path = join(root, file)
  await mkdir(join(path, '..'), { recursive: true })
  await writeFile(path, ggufBytes({ metadata, tensors: tensors ?? [zeros('token_embd.weight', 8, 34), zeros('blk.0.ffn_up.weight', 3, 20), zeros('blk.0.ffn_gate.weight', 7, 24), { name: 'output_norm.weight', dimensions: [32] }] }))
  return path
}

describe('a reference to a GGUF model', () => {
  const context = (events: TenonEvent[] = []) => ({ emit: (event: TenonEvent) => void events.push(event) })

  it('is a path, a URL, or a folder; or names one of several in a folder', async () => {
    const root = await temporaryFolder()
    const path = await written(root, 'one/model-q8_0.gguf')
    await written(root, 'one/mmproj-model-f16.gguf')
    for (const reference of [path, pathToFileURL(path).href, join(root, 'one')]) {
      const checkpoint = await files().open(reference, context())
      expect(checkpoint).toMatchObject({ reference, config: { model_type: 'llama' } })
      await (checkpoint as Checkpoint)[Symbol.asyncDispose]()
    }
    expect(await files().open(join(root, 'none.gguf'), context())).toEqual({ notFound: `there is no file ${join(root, 'none.gguf')}` })

    await written(root, 'one/model.Q4_K_M.gguf')
    await expect(files().open(join(root, 'one'), context())).rejects.toThrow(/holds several GGUF models: model-q8_0.gguf, model.Q4_K_M.gguf. Name one of them/)
    for (const variant of ['Q8_0', 'model-q8_0.gguf', 'Q4_K_M'] as const) {
      await using checkpoint = await openFolder(join(root, 'one'), { variant })
      expect(checkpoint.constants.size).toBe(4)
    }
    await expect(openFolder(join(root, 'one'), { variant: 'Q4_K' })).rejects.toThrow(/the GGUF files here are model-q8_0.gguf, model.Q4_K_M.gguf/)
    await expect(openFolder(join(root, 'one'), { variant: 'other.gguf' })).rejects.toThrow(MissingFileError)
  })

  it('is taken where a folder holds no other weights, with the tokenizer that lies beside it', async () => {
    const root = await temporaryFolder()
    await written(root, 'model.gguf')
    await writeFile(join(root, 'config.json'), '{"model_type":"other"}')
    await writeFile(join(root, 'tokenizer.json'), '{"version":"1.0","model":{"type":"WordLevel","vocab":{"u":0},"unk_token":"u"}}')
    const checkpoint = await opened(root)
    expect(checkpoint.config.model_type).toBe('llama')
    expect(await checkpoint.json('config.json')).toEqual(checkpoint.config)
    expect((await checkpoint.tokenizer()).vocabularySize).toBe(1)
    await writeSafetensors(join(root, 'model.safetensors'), [])
    expect((await opened(root)).config.model_type).toBe('other')
  })

  it('does not lead out of its folder by a link', async () => {
    const root = await temporaryFolder()
    await mkdir(join(root, 'model'))
    await symlink(await written(root, 'other/model.gguf'), join(root, 'model/model.gguf'))
    await expect(openFolder(join(root, 'model'))).rejects.toThrow(MissingFileError)
  })

  it('tells what is not run as it is stored', async () => {
    const events: TenonEvent[] = []
    const path = await written(await temporaryFolder(), 'model.gguf')
    const checkpoint = (await files().open(path, context(events))) as Checkpoint
    onTestFinished(() => checkpoint[Symbol.asyncDispose]())
    expect(events).toEqual([
      { type: 'notice', code: 'TENON_GGUF_REQUANTISED', message: `${basename(path)}: 1 tensors of Q4_1, 1 tensors of Q5_1 are run in 8 bits, rounded anew, since their blocks have minimums. Run as they are stored: 1 in blocks, 1 as floats` },
    ])
    expect(storageOf(checkpoint.constants.values())).toEqual([
      { type: 'Q8_0', as: 'exact', tensors: 1, parameters: 2048, bytes: 2176 },
      { type: 'Q4_1', as: 'requantised', tensors: 1, parameters: 2048, bytes: 1280 },
      { type: 'Q5_1', as: 'requantised', tensors: 1, parameters: 2048, bytes: 1536 },
      { type: 'F32', as: 'float', tensors: 1, parameters: 32, bytes: 128 },
    ])
  })

  it('gives the floats of the file where they are asked for, and no blocks', async () => {
    const events: TenonEvent[] = []
    const path = await written(await temporaryFolder(), 'model.gguf')
    const [blocks, floats] = [await openFolder(path), (await files({ dequantize: true }).open(path, context(events))) as Checkpoint]
    onTestFinished(async () => Promise.all([blocks, floats].map((each) => each[Symbol.asyncDispose]())).then(() => undefined))
    expect(events).toEqual([])
    expect(storageOf(floats.constants.values()).map(({ as }) => as)).toEqual(['float', 'float', 'float', 'float'])
    for (const [name, constant] of floats.constants) {
      expect(constant.blocks).toBeUndefined()
      expect(await constant.bytes()).toEqual(await blocks.constants.get(name)!.bytes())
    }
  })

  it('of experts in one tensor of blocks has each expert in its own blocks', async () => {
    const [experts, rows, perBlock] = [3, 2, 34] // Q8_0: a scale of 16 bits, and 32 bytes
    const data = Uint8Array.from({ length: experts * rows * perBlock }, (_, index) => (index % perBlock === 0 ? 0 : index % perBlock === 1 ? 0x3c : (index * 7) % 256)) // scales of 1
    const metadata = tinyMetadata.map(([key, value]) => [key.replace('llama.', 'qwen2moe.'), key === 'general.architecture' ? 'qwen2moe' : value] as const)
    const path = await written(await temporaryFolder(), 'model.gguf', [...metadata, ['qwen2moe.expert_count', ['uint32', experts]], ['qwen2moe.expert_used_count', ['uint32', 2]]], [
      { name: 'token_embd.weight', dimensions: [32] },
      { name: 'blk.0.ffn_down_exps.weight', dimensions: [32, rows, experts], type: 8, data },
    ])
    const { constants, config } = await opened(path)
    expect(config).toMatchObject({ model_type: 'qwen2_moe', num_experts: experts, num_experts_per_tok: 2 })
    for (let expert = 0; expert < experts; expert++) {
      const { blocks, shape } = constants.get(`model.layers.0.mlp.experts.${expert}.down_proj.weight`)!
      expect(shape).toEqual([rows, 32])
      const own = Array.from({ length: rows }, (_, row) => Array.from(data.subarray((expert * rows + row) * perBlock + 2, (expert * rows + row + 1) * perBlock), (byte) => (byte + 128) % 256)).flat()
      expect(Array.from(await blocks!.codes.bytes())).toEqual(own)
      expect(Array.from(viewAs('float32', await blocks!.scales.bytes()))).toEqual([1, 1])
    }
  })

  it('refuses work after disposal and leaves no file open after 100 rounds', async () => {
    const path = fixture('gguf/qwen2.gguf')
    const checkpoint = await openFolder(path)
    await checkpoint[Symbol.asyncDispose]()
    await expect(checkpoint.constants.get('model.norm.weight')!.bytes()).rejects.toThrow(DisposedError)
    await expect(checkpoint.tokenizer()).rejects.toThrow(DisposedError)
    await expect(checkpoint.json('config.json')).rejects.toThrow(DisposedError)
    const before = await openDescriptors()
    for (let round = 0; round < 100; round++) {
      await using again = await openFolder(path)
      if (round % 2 === 0) await again.constants.get('model.norm.weight')!.bytes()
      if (round % 10 === 0) await again.json('tokenizer_config.json')
    }
    expect(await openDescriptors()).toBe(before)
  })
})

describe('metadata', () => {
  const without = (key: string) => tinyMetadata.filter(([each]) => each !== key)
  const failure = async (metadata: readonly (readonly [string, TestValue])[], tensors?: readonly TestTensor[]) => {
    const error: unknown = await openFolder(await written(await temporaryFolder(), 'model.gguf', metadata, tensors)).then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    expect(error).toBeInstanceOf(InvalidFileError)
    return (error as Error).message
  }
  const configWith = async (metadata: readonly (readonly [string, TestValue])[], tensors?: readonly TestTensor[]) => (await opened(await written(await temporaryFolder(), 'model.gguf', [...tinyMetadata, ...metadata], tensors))).config

  it('must name an architecture that is read, and its sizes', async () => {
    expect(await failure([['general.architecture', 'gemma3']])).toMatch(/of the architecture 'gemma3', and those read from GGUF are llama, qwen2, qwen3, qwen2moe, starcoder2, gpt2. Take the model as safetensors/)
    expect(await failure(without('general.architecture'))).toMatch(/names no 'general.architecture'/)
    expect(await failure(without('llama.block_count'))).toMatch(/'llama.block_count' is missing/)
    expect(await failure([...without('llama.block_count'), ['llama.block_count', ['float32', 0.5]]])).toMatch(/'llama.block_count' is 0.5/)
    expect(await failure([...without('llama.attention.head_count'), ['llama.attention.head_count', ['uint32', [1, 2]]]])).toMatch(/head_count' is a list, one for each layer/)
  })

  it('has its own words for scaled positions', async () => {
    const scaling = async (...metadata: (readonly [string, TestValue])[]) => (await configWith(metadata))['rope_scaling']
    expect(await scaling()).toBeNull()
    expect(await scaling(['llama.rope.scaling.type', 'none'], ['llama.rope.scaling.factor', ['float32', 4]])).toBeNull()
    expect(await scaling(['llama.rope.scale_linear', ['float32', 4]])).toEqual({ rope_type: 'linear', factor: 4 })
    expect(await scaling(['llama.rope.scaling.type', 'linear'], ['llama.rope.scaling.factor', ['float32', 2]])).toEqual({ rope_type: 'linear', factor: 2 })
    expect(
      await scaling(['llama.rope.scaling.type', 'yarn'], ['llama.rope.scaling.factor', ['float32', 4]], ['llama.rope.scaling.original_context_length', ['uint32', 8]], ['llama.rope.scaling.yarn_beta_fast', ['float32', 16]], ['llama.rope.scaling.yarn_attn_factor', ['float32', 0.5]]),
    ).toEqual({ rope_type: 'yarn', factor: 4, original_max_position_embeddings: 8, beta_fast: 16, attention_factor: 0.5 * (0.1 * Math.log(4) + 1) })
  })

  it('says where heads are turned in part, or by factors for short and long texts, which no family here does', async () => {
    const turned = (numbers: number) => [['llama.rope.dimension_count', ['uint32', numbers]], ['llama.attention.key_length', ['uint32', 16]]] as const
    expect(await configWith(turned(4))).toMatchObject({ head_dim: 16, partial_rotary_factor: 0.25 })
    expect(await configWith(turned(16))).not.toHaveProperty('partial_rotary_factor')
    const factors = [{ name: 'rope_factors_long.weight', dimensions: [8] }, { name: 'rope_factors_short.weight', dimensions: [8] }]
    expect(await failure(tinyMetadata, factors)).toMatch(/turns positions by tables for short and long texts .longrope., which are not read. Take another model/)
  })

  it('says where a list is given for all layers, which no converting mends', async () => {
    expect(await failure([...without('llama.attention.head_count'), ['llama.attention.head_count', ['uint32', [1, 2]]]])).toMatch(/for each layer, which is not read. Take the model as safetensors/)
  })

  it('has one tensor for each parameter', async () => {
    const twice = ['output.weight', 'lm_head.weight'].map((name) => ({ name, dimensions: [4] }))
    expect(await failure(tinyMetadata, twice)).toMatch(/holds 'lm_head.weight' twice, once as the tensor 'lm_head.weight'/)
  })

  it('tells where tokens see what follows them', async () => {
    expect(await configWith([['llama.attention.causal', ['bool', false]]])).toMatchObject({ is_causal: false })
    expect(await configWith([['llama.attention.causal', ['bool', true]]])).not.toHaveProperty('is_causal')
  })

  it('tells Mistral and Mixtral, which share the name of Llama, by what only they have', async () => {
    expect(await configWith([['llama.attention.sliding_window', ['uint32', 8]]])).toMatchObject({ model_type: 'mistral', sliding_window: 8, architectures: ['MistralForCausalLM'] })
    expect(await configWith([['llama.expert_count', ['uint32', 8]]])).toMatchObject({ model_type: 'mixtral' })
  })

  it('names the kinds of vocabularies that are not read', async () => {
    const tokenizer = async (...metadata: (readonly [string, TestValue])[]) => (await opened(await written(await temporaryFolder(), 'model.gguf', [...tinyMetadata, ...metadata]))).tokenizer()
    const tokens = ['tokenizer.ggml.tokens', ['string', ['a', 'b']]] as const
    await expect(tokenizer()).rejects.toThrow(MissingFileError)
    await expect(tokenizer(['tokenizer.ggml.model', 'rwkv'], tokens)).rejects.toThrow(/a vocabulary of the kind "rwkv"; 'gpt2' and 'llama' are read. Put the tokenizer.json/)
    await expect(tokenizer(['tokenizer.ggml.model', 'gpt2'], ['tokenizer.ggml.pre', 'viking'], tokens)).rejects.toThrow(/split in the way 'viking'; known are gpt-2,.*qwen2/)
    await expect(tokenizer(['tokenizer.ggml.model', 'llama'], tokens)).rejects.toThrow(/with 2 tokens and 0 scores/)
    await expect(tokenizer(['tokenizer.ggml.model', 'gpt2'], tokens, ['tokenizer.ggml.token_type', ['int32', [1]]])).rejects.toThrow(/2 tokens and the kinds of 1/)
    await expect(tokenizer(['tokenizer.ggml.model', 'gpt2'], ['tokenizer.ggml.tokens', ['int32', [1]]])).rejects.toThrow(/'tokenizer.ggml.tokens' is no list of strings/)
    await expect(tokenizer(['tokenizer.ggml.model', 'gpt2'], tokens, ['tokenizer.ggml.merges', ['string', ['ab']]])).rejects.toThrow(/the merge "ab", which has no space/)
    await expect(tokenizer(['tokenizer.ggml.model', 'gpt2'], tokens, ['tokenizer.ggml.merges', ['string', ['a b']]])).rejects.toThrow(InvalidFileError)
  })

  it('names several chat templates, and ends of turns beside the end of a text', async () => {
    const tokens = ['a', '<|im_end|>', '<|eot_id|>', '<s>', '</s>']
    const checkpoint = await opened(
      await written(await temporaryFolder(), 'model.gguf', [
        ...tinyMetadata,
        ['tokenizer.ggml.model', 'gpt2'],
        ['tokenizer.ggml.pre', 'llama-bpe'],
        ['tokenizer.ggml.tokens', ['string', tokens]],
        ['tokenizer.ggml.token_type', ['int32', [1, 1, 3, 3, 3]]],
        ['tokenizer.ggml.bos_token_id', ['uint32', 3]],
        ['tokenizer.ggml.eos_token_id', ['uint32', 4]],
        ['tokenizer.ggml.eom_token_id', ['uint32', 0]],
        ['tokenizer.ggml.padding_token_id', ['uint32', 2 ** 32 - 1]],
        ['tokenizer.chat_template', 'plain'],
        ['tokenizer.chat_template.tool_use', 'tools'],
      ]),
    )
    // <|im_end|> is an ordinary token here.
    expect(await checkpoint.json('generation_config.json')).toEqual({ bos_token_id: 3, eos_token_id: [4, 0, 2] })
    expect(await checkpoint.json('tokenizer_config.json')).toEqual({
      add_bos_token: true,
      add_eos_token: false,
      bos_token: '<s>',
      eos_token: '</s>',
      chat_template: [{ name: 'default', template: 'plain' }, { name: 'tool_use', template: 'tools' }],
      clean_up_tokenization_spaces: false,
      model_max_length: 16,
    })
    const tokenizer = await checkpoint.tokenizer()
    expect((await tokenizer.encode('a')).ids).toEqual([3, 0]) // which this way of splitting begins with unless it is told not to
    expect((await tokenizer.encode('a', { addSpecialTokens: false })).ids).toEqual([0])
  })
})

describe('llama3Scaling', () => {
  /** What Llama 3.1's wavelengths are multiplied by, from 128 numbers a head and the base 500,000. */
  const factors = (factor: number, low: number, high: number, length: number) =>
    Array.from({ length: 64 }, (_, pair) => {
      const wavelength = 2 * Math.PI * 500_000 ** (pair / 64)
      const smooth = Math.min(1, Math.max(0, (length / wavelength - low) / (high - low)))
      return Math.fround(1 / ((1 - smooth) / factor + smooth))
    })

  it('finds the published parameters again', () => {
    for (const factor of [8, 32]) expect(llama3Scaling(factors(factor, 1, 4, 8192), 500_000)).toEqual({ rope_type: 'llama3', factor, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 })
  })

  it('finds others that give the same factors', () => {
    const found = llama3Scaling(factors(16, 2, 5, 4096), 500_000)!
    const again = factors(found['factor'] as number, found['low_freq_factor'] as number, found['high_freq_factor'] as number, found['original_max_position_embeddings'] as number)
    for (const [index, value] of factors(16, 2, 5, 4096).entries()) expect(again[index]! / value).toBeCloseTo(1, 5)
  })

  it('does not take other factors for these', () => {
    expect(llama3Scaling(Array.from({ length: 64 }, (_, pair) => 1 + pair), 500_000)).toBeUndefined()
  })

  it('is refused in a file whose table is another, which is closed again', async () => {
    const table = new Float32Array(8).map((_, pair) => 1 + pair)
    const path = await written(await temporaryFolder(), 'model.gguf', tinyMetadata, [{ name: 'rope_freqs.weight', dimensions: [8], data: new Uint8Array(table.buffer) }])
    const before = await openDescriptors()
    await expect(openFolder(path)).rejects.toThrow(/turns positions by a table that is not of Llama 3's kind/)
    expect(await openDescriptors()).toBe(before)
  })
})

describe('a vocabulary of SentencePiece', () => {
  it('makes the same tokens and texts as SentencePiece', async () => {
    const checkpoint = await opened(fixture('gguf/pieces.gguf'))
    const tokenizer = await checkpoint.tokenizer()
    const cases = JSON.parse(await readFile(fixture('gguf/pieces.json'), 'utf8')) as { text: string; ids: number[]; decoded: string }[]
    for (const { text, ids, decoded } of cases) {
      expect([text, (await tokenizer.encode(text, { addSpecialTokens: false })).ids]).toEqual([text, ids])
      expect(await tokenizer.decode(ids)).toBe(decoded)
    }
    expect((await tokenizer.encode('a')).ids[0]).toBe(1)
    expect(tokenizer.special).toMatchObject({ bos: '<s>', eos: '</s>', unk: '<unk>' })
  })

  it('is refused where its pieces are so long that looking for their halves would take minutes', async () => {
    const tokens = Array.from({ length: 200 }, (_, index) => 'ab'.repeat(8000) + index)
    const checkpoint = await opened(
      await written(await temporaryFolder(), 'model.gguf', [...tinyMetadata, ['tokenizer.ggml.model', 'llama'], ['tokenizer.ggml.tokens', ['string', tokens]], ['tokenizer.ggml.scores', ['float32', tokens.map(() => 0)]]]),
    )
    const began = performance.now()
    await expect(checkpoint.tokenizer()).rejects.toThrow(/with tokens of up to 16003 characters, of which too many would have to be looked at/)
    expect(performance.now() - began).toBeLessThan(1000)
  })
})

describe('real files', () => {
  const path = process.env['TENON_SMOLLM2']
  if (path === undefined) process.stderr.write('TENON_SMOLLM2 names no file: SmolLM2-135M-Instruct.Q4_1.gguf is not tested\n')
  it.skipIf(path === undefined)('SmolLM2 opens, with its texts, its template and its numbers', async () => {
    const checkpoint = await opened(path!)
    expect(checkpoint.config).toMatchObject({ model_type: 'llama', vocab_size: 49152, num_hidden_layers: 30, tie_word_embeddings: true })
    expect(checkpoint.constants.size).toBe(272)
    const tokenizer = await checkpoint.tokenizer()
    const text = 'def f(x):\n    return x ** 2  # 12345, naïve 你好 😀'
    expect(await tokenizer.decode((await tokenizer.encode(text)).ids)).toBe(text)
    expect((await tokenizer.encode('Hello world! 123')).ids).toEqual([19556, 905, 17, 216, 33, 34, 35])
    expect(await checkpoint.json('tokenizer_config.json')).toMatchObject({ chat_template: expect.stringContaining('add_generation_prompt') })
    expect(viewAs('float32', await checkpoint.constants.get('model.layers.0.self_attn.q_proj.weight')!.bytes())).toHaveLength(576 * 576)
  })
})
