import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { AbortedError, createRuntime, DisposedError, InvalidFileError, InvalidInputError, InvalidOptionError, MissingFileError, WeightMismatchError, type Graph, type TenonEvent } from '@tenon/core'
import { onnx } from '@tenon/backend-onnx'
import { files, openFolder } from '@tenon/checkpoint'
import { extend } from '@tenon/graph'
import { writeOnnx } from '@tenon/graph/onnx'
import { Add, Cast, Reshape, Shape } from '@tenon/graph/ops'
import { directory } from '@tenon/model-all-minilm-l6-v2'
import { bert } from '@tenon/models/bert'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { embedding, type EmbeddingOptions } from './index.js'
import { apart, cosine, fixture, matrixOf, modelFolder, readJson, tolerance, type Matrix } from './test-support.js'

const runtime = createRuntime({ plugins: [files(), onnx({ threads: 2 }), bert(), embedding()] })
afterAll(() => runtime.dispose())

/** An embedder for the length of a test. */
async function embedder(model: string, options: EmbeddingOptions = {}) {
  const embed = await runtime.task('embedding', { model, ...options })
  onTestFinished(() => embed.dispose())
  return embed
}

/** What the libraries tell until the test ends. */
function heard(): TenonEvent[] {
  const events: TenonEvent[] = []
  for (const type of ['notice', 'progress'] as const) onTestFinished(runtime.on(type, (event) => void events.push(event)))
  return events
}

interface Texts {
  readonly texts: readonly string[]
  readonly inputIds: readonly (readonly number[])[]
}

describe('pooling', async () => {
  const modes = (await readdir(fixture('pooling'), { withFileTypes: true })).filter((entry) => entry.isDirectory() && entry.name !== 'base').map(({ name }) => name)
  const { texts, inputIds } = await readJson<Texts>('pooling/texts.json')

  it('has fixtures', () => {
    expect(modes).toHaveLength(11)
  })

  it.each(modes.flatMap((mode) => [[mode, 'old'] as const, [mode, 'new'] as const]))('gives what sentence-transformers does: %s, as the %s releases write it', async (mode, spelling) => {
    const { embeddings } = await readJson<{ embeddings: Matrix }>(`pooling/${mode}/expected.json`)
    const embed = await embedder(await modelFolder(`${mode}/${spelling}`))
    expect(embed.dimensions).toBe(embeddings.shape[1])
    expect(embed.maxLength).toBe(16)
    expect(apart(await embed(texts), embeddings)).toBeLessThan(tolerance.float32)
  })

  it.each(['old', 'new'])('reads the tokens that it does: %s', async (spelling) => {
    await using checkpoint = await openFolder(await modelFolder(`mean/${spelling}`))
    const tokenizer = await checkpoint.tokenizer()
    expect((await tokenizer.encodeBatch(texts, { maxLength: 16 })).map(({ ids }) => ids)).toEqual(inputIds)
  })

  it.each(modes)('gives a text the same vector alone as among others: %s', async (mode) => {
    const embed = await embedder(await modelFolder(`${mode}/new`))
    const together = matrixOf(await embed(texts))
    const alone = await Promise.all(texts.map((text) => embed(text)))
    expect(apart(alone, together)).toBeLessThan(1e-5)
  })
})

describe('a model that lacks what its files promise', () => {
  const denseModel = (changes: Readonly<Record<string, unknown>>) => modelFolder('mean-dense-tanh-normalize/new', changes)
  const config = { in_features: 32, out_features: 16, bias: true, activation_function: 'torch.nn.modules.activation.Tanh' }
  const failure = async (model: string) => runtime.task('embedding', { model }).catch((error: unknown) => error)

  it('is refused where a dense layer has no safetensors, and told what to do about a pickle', async () => {
    const error = await failure(await denseModel({ '2_Dense/model.safetensors': undefined, '2_Dense/pytorch_model.bin': 'pickled' }))
    expect(error).toBeInstanceOf(MissingFileError)
    expect(error).toMatchObject({ message: expect.stringMatching(/2_Dense\/model\.safetensors does not exist, and modules\.json lists it.*pytorch_model\.bin.*save the model again/) })
  })

  it('is refused where a dense layer has a broken safetensors', async () => {
    expect(await failure(await denseModel({ '2_Dense/model.safetensors': 'no safetensors' }))).toBeInstanceOf(InvalidFileError)
  })

  it('is refused where the weights of a dense layer have another shape than its config says', async () => {
    const error = await failure(await denseModel({ '2_Dense/config.json': { ...config, out_features: 8 } }))
    expect(error).toBeInstanceOf(WeightMismatchError)
    expect(error).toMatchObject({ tensor: 'linear.weight', expected: [8, 32], actual: [16, 32] })
  })

  it.each(['Softplus', 'toString'])('is refused where a dense layer has the unknown activation %s', async (activation) => {
    const error = await failure(await denseModel({ '2_Dense/config.json': { ...config, activation_function: `torch.nn.modules.activation.${activation}` } }))
    expect(error).toMatchObject({ code: 'TENON_INVALID_FILE', message: expect.stringContaining(`names the activation '${activation}'. Known are: Identity, Tanh`) })
  })

  it('is refused where modules.json leads out of the folder', async () => {
    const listed = [{ type: 'sentence_transformers.models.Pooling', path: '../../etc' }]
    expect(await failure(await modelFolder('mean/new', { 'modules.json': listed }))).toMatchObject({ code: 'TENON_INVALID_INPUT', message: expect.stringContaining('is no path inside the checkpoint') })
  })

  it('holds no file open after it, nor after one that is whole and disposed of', async () => {
    const [whole, broken] = [await denseModel({}), await denseModel({ '2_Dense/config.json': { ...config, out_features: 8 } })]
    const cycle = async () => {
      await failure(broken)
      const embed = await runtime.task('embedding', { model: whole })
      await embed.dispose()
    }
    await cycle()
    const before = await openFiles()
    for (let time = 0; time < 10; time++) await cycle()
    expect(await openFiles()).toBe(before)
  })
})

describe('an exported model', () => {
  /** A folder with the encoder's graph in place of its weights. */
  async function exported(change: (graph: Graph) => Graph = (graph) => graph): Promise<string> {
    const folder = await modelFolder('mean-normalize/new')
    await using checkpoint = await openFolder(folder)
    const { model } = await bert().build(checkpoint, { head: 'base' })
    await writeOnnx(change(model!), join(folder, 'onnx/model.onnx'))
    await rm(join(folder, 'model.safetensors'))
    return folder
  }

  it('gives the same vectors', async () => {
    const { texts } = await readJson<Texts>('pooling/texts.json')
    const { embeddings } = await readJson<{ embeddings: Matrix }>('pooling/mean-normalize/expected.json')
    const embed = await embedder(await exported())
    expect(apart(await embed(texts), embeddings)).toBeLessThan(tolerance.float32)
  })

  it('is refused where its graph wants an input that nobody can feed', async () => {
    const model = await exported((graph) => {
      const { builder, values } = extend(graph)
      builder.output('last_hidden_state', Add(values.get('last_hidden_state')!, builder.input('past', 'float32', [])))
      return builder.build()
    })
    await expect(runtime.task('embedding', { model })).rejects.toMatchObject({ code: 'TENON_INVALID_FILE', message: expect.stringContaining("has a graph with the input 'past'") })
  })

  it('is refused where its graph does not say how wide its states are', async () => {
    const model = await exported((graph) => {
      const { builder, values } = extend(graph)
      const states = values.get('last_hidden_state')!
      const shape = Cast(Cast(Shape(states), { to: 'float32' }), { to: 'int64' }) // a way round, on which sizes are lost
      builder.output('last_hidden_state', Reshape(states, shape))
      return builder.build()
    })
    await expect(runtime.task('embedding', { model })).rejects.toMatchObject({ code: 'TENON_INVALID_FILE', message: expect.stringContaining('does not say how wide its token states are') })
  })

  it('is read where its token states have the name that sentence-transformers gives them', async () => {
    const model = await exported((graph) => {
      const { builder, values } = extend(graph)
      builder.output('token_embeddings', values.get('last_hidden_state')!)
      return builder.build()
    })
    const [renamed, usual] = await Promise.all([model, await exported((graph) => graph)].map(async (each) => (await runtime.task('embedding', { model: each }))('a cat')))
    expect(Array.from(renamed!)).toEqual(Array.from(usual!))
  })

  it('is refused where its graph makes no token states', async () => {
    const model = await exported((graph) => {
      const { builder, values } = extend(graph)
      builder.output('pooler_output', values.get('pooler_output')!)
      return builder.build()
    })
    await expect(runtime.task('embedding', { model })).rejects.toMatchObject({ code: 'TENON_INVALID_FILE', message: expect.stringMatching(/has the outputs pooler_output, and no head has these.*last_hidden_state/) })
  })
})

describe('the options', () => {
  it.each<[EmbeddingOptions, string]>([
    [{ maxLength: 0 }, 'maxLength'],
    [{ maxLength: 2.5 }, 'maxLength'],
    [{ maxLength: 17 }, 'maxLength'],
    [{ batchTokens: 0 }, 'batchTokens'],
    [{ batchTokens: '64' as unknown as number }, 'batchTokens'],
    [{ prompt: 5 as unknown as string }, 'prompt'],
    [{ maxlength: 8 } as EmbeddingOptions, 'maxlength'],
  ])('are refused: %j', async (options, option) => {
    const error = await runtime.task('embedding', { model: await modelFolder('mean/new'), ...options }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InvalidOptionError)
    expect(error).toMatchObject({ option })
  })

  it.each<[object, string]>([
    [{ onprogress: () => undefined }, 'onprogress'],
    [{ prompt: 'query: ' }, 'prompt'],
    [{ onProgress: true }, 'onProgress'],
    [{ signal: 'stop' }, 'signal'],
  ])('of a call are refused: %j', async (options, option) => {
    const error = await (await embedder(await modelFolder('mean/new')))('the river', options).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(InvalidOptionError)
    expect(error).toMatchObject({ option })
  })

  it('may read less than the model can', async () => {
    const model = await modelFolder('mean/new')
    const [short, long] = [await embedder(model, { maxLength: 5 }), await embedder(model)]
    expect(short.maxLength).toBe(5)
    // [CLS] and [SEP] take part, so that three tokens of the text are left.
    expect(apart([await short('the river and the garden and the bridge')], matrixOf([await long('the river and')]))).toBeLessThan(1e-5)
  })

  it('tell where the longest input leaves no room for a text', async () => {
    const embed = await embedder(await modelFolder('mean/new'), { maxLength: 2 })
    await expect(embed('the river')).rejects.toBeInstanceOf(InvalidOptionError)
  })

  it('put a prompt before each text, the model’s own unless told otherwise', async () => {
    const prompted = { 'config_sentence_transformers.json': { prompts: { query: 'the garden ' }, default_prompt_name: 'query' } }
    const [plain, own] = [await embedder(await modelFolder('mean/new')), await embedder(await modelFolder('mean/new', prompted))]
    const expected = matrixOf(await plain(['the garden the river', 'the garden ']))
    expect(apart(await own(['the river', '']), expected)).toBeLessThan(1e-5)
    const given = await embedder(await modelFolder('mean/new'), { prompt: 'the garden ' })
    expect(apart(await given(['the river', '']), expected)).toBeLessThan(1e-5)
    const none = await embedder(await modelFolder('mean/new', prompted), { prompt: '' })
    expect(apart([await none('the river')], matrixOf([await plain('the river')]))).toBeLessThan(1e-5)
  })

  it('refuse a prompt where the model leaves prompts out of its pooling', async () => {
    const model = await modelFolder('mean/new', { '1_Pooling/config.json': { pooling_mode: 'mean', include_prompt: false } })
    await expect(runtime.task('embedding', { model, prompt: 'query: ' })).rejects.toMatchObject({ option: 'prompt', message: expect.stringContaining("Pass prompt: ''") })
    expect(await (await embedder(model))('the river')).toHaveLength(32)
  })

  it('lower the case where the folder says so', async () => {
    const folder = await modelFolder('mean/old', { 'sentence_bert_config.json': { max_seq_length: 16, do_lower_case: true } })
    const embed = await embedder(folder)
    expect(await embed('The RIVER')).toEqual(await embed('the river'))
  })
})

describe('embedding texts', () => {
  const model = fixture('pooling/base')
  const open = (options?: EmbeddingOptions) => embedder(model, options)
  const words = ['the', 'river', 'and', 'garden', 'bridge', 'train', 'bread', 'water', 'stone', 'light']
  const some = (count: number) => Array.from({ length: count }, (_, index) => Array.from({ length: 1 + ((index * 7) % 13) }, (__, word) => words[(index + word * word) % 10]).join(' '))

  it('keeps the order of the texts, whatever order they are run in', async () => {
    const embed = await open({ batchTokens: 40 })
    const texts = some(60)
    const together = matrixOf(await embed(texts))
    const alone: Float32Array[] = []
    for (const text of texts) alone.push(await embed(text))
    expect(apart(alone, together)).toBeLessThan(1e-5)
  })

  it('gives the same vectors in batches of any size', async () => {
    const texts = some(100)
    const vectors = await Promise.all([1, 20, 100, 1024, 1_000_000].map(async (batchTokens) => (await open({ batchTokens }))(texts)))
    for (const other of vectors.slice(1)) expect(apart(other, matrixOf(vectors[0]!))).toBeLessThan(1e-5)
  })

  it('gives the same texts the same vectors, more of them than are tokenised at a time', async () => {
    const embed = await open()
    const texts = some(13)
    const many = await embed(Array.from({ length: 1300 }, (_, index) => texts[index % 13]!))
    expect(many).toHaveLength(1300)
    const few = await embed(texts)
    many.forEach((vector, index) => expect(apart([vector], matrixOf([few[index % 13]!]))).toBeLessThan(1e-5))
  })

  it('gives one vector for a text, a list for a list, and none for none', async () => {
    const embed = await open()
    const [vector] = await embed(['the river'])
    expect(await embed('the river')).toEqual(vector)
    expect(vector).toBeInstanceOf(Float32Array)
    expect(vector).toHaveLength(embed.dimensions)
    expect(await embed([])).toEqual([])
  })

  it('takes texts of nothing and of white space, which are the same', async () => {
    const embed = await open()
    const [empty, ...blank] = await embed(['', ' ', '\n\t', '\u3000\u00a0'])
    expect(empty!.every(Number.isFinite)).toBe(true)
    for (const vector of blank) expect(vector).toEqual(empty)
  })

  it('takes lone surrogates, which are read as the replacement character', async () => {
    const embed = await open()
    const [high, low, replaced, pair] = await embed(['river \ud83d garden', 'river \ude00 garden', 'river \ufffd garden', 'river 😀 garden'])
    expect(high).toEqual(replaced)
    expect(low).toEqual(replaced)
    expect(pair!.every(Number.isFinite)).toBe(true)
  })

  it('takes zero bytes and the longest words', async () => {
    const embed = await open()
    for (const vector of await embed(['river\0garden', 'x'.repeat(10_000), '𝒳'.repeat(200)])) expect(vector.every(Number.isFinite)).toBe(true)
  })

  it.each([[5], [null], [undefined], [{}], [new Float32Array(2)], [new Set(['river'])]])('refuses %o in place of texts', async (input) => {
    const embed = await open()
    await expect(embed(input as unknown as string)).rejects.toBeInstanceOf(InvalidInputError)
  })

  it.each([[5], [null], [undefined], [['river']]])('refuses %o among the texts, by its place, before it computes anything', async (text) => {
    const embed = await open()
    let calls = 0
    const texts = [...some(700), text as unknown as string]
    await expect(embed(texts, { onProgress: () => void calls++ })).rejects.toThrow(/^Text 700 is /)
    await expect(embed(texts)).rejects.toBeInstanceOf(InvalidInputError)
    expect(calls).toBe(0)
  })

  it('refuses a list with holes', async () => {
    const embed = await open()
    const texts = ['river', 'garden', 'bridge']
    delete texts[1]
    await expect(embed(texts)).rejects.toThrow('Text 1 is undefined')
  })

  it('tells how far it is, up to all of them', async () => {
    const embed = await open({ batchTokens: 50 })
    const calls: [number, number][] = []
    await embed(some(600), { onProgress: (done, total) => void calls.push([done, total]) })
    expect(calls.length).toBeGreaterThan(12)
    expect(calls.every(([, total]) => total === 600)).toBe(true)
    expect(calls.map(([done]) => done)).toEqual(calls.map(([done]) => done).toSorted((a, b) => a - b))
    expect(calls.at(-1)).toEqual([600, 600])
  })

  it('may be asked several things at once', async () => {
    const embed = await open()
    const texts = some(40)
    const expected = matrixOf(await embed(texts))
    for (const vectors of await Promise.all(Array.from({ length: 6 }, () => embed(texts)))) expect(apart(vectors, expected)).toBeLessThan(1e-5)
  })

  describe('longer than the model reads', () => {
    const long = Array.from({ length: 600 }, (_, index) => words[index % 10]).join(' ')

    it('reads their beginnings, and says so once', async () => {
      const events = heard()
      const embed = await open({ maxLength: 16 })
      const [whole, beginning] = await embed([long, 'river', long].map((text, index) => (index === 1 ? long.split(' ').slice(0, 14).join(' ') : text)))
      expect(apart([whole!], matrixOf([beginning!]))).toBeLessThan(1e-5)
      expect(events).toEqual([{ type: 'notice', code: 'TENON_TEXT_CUT', message: '2 of 3 texts were longer than 16 tokens; only their beginnings were read' }])
    })

    it('says nothing where every text fits', async () => {
      const events = heard()
      await (await open())(some(20))
      expect(events).toEqual([])
    })
  })

  describe('that are aborted', () => {
    it.each([[['the river']], [[]]])('rejects at once where the signal is aborted before: %j', async (texts) => {
      const embed = await open()
      const error = await embed(texts, { signal: AbortSignal.abort('enough') }).catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(AbortedError)
      expect(error).toMatchObject({ name: 'AbortError', code: 'TENON_ABORTED', cause: 'enough' })
    })

    it('stops between batches, and can be used again', async () => {
      const embed = await open({ batchTokens: 50 })
      const controller = new AbortController()
      let calls = 0
      const onProgress = () => {
        calls++
        controller.abort()
      }
      await expect(embed(some(200), { signal: controller.signal, onProgress })).rejects.toBeInstanceOf(AbortedError)
      expect(calls).toBe(1)
      expect(await embed('the river')).toHaveLength(32)
    })

    it('rejects while a batch runs', async () => {
      const embed = await open()
      const controller = new AbortController()
      const work = embed(some(5000), { signal: controller.signal })
      setTimeout(() => controller.abort(), 20)
      await expect(work).rejects.toBeInstanceOf(AbortedError)
    })

    it('rejects the making of a task', async () => {
      await expect(runtime.task('embedding', { model, signal: AbortSignal.abort() })).rejects.toBeInstanceOf(AbortedError)
    })
  })

  describe('after disposal', () => {
    it('is refused', async () => {
      const embed = await runtime.task('embedding', { model })
      await embed.dispose()
      const error = await embed('the river').catch((thrown: unknown) => thrown)
      expect(error).toBeInstanceOf(DisposedError)
      expect(error).toMatchObject({ code: 'TENON_DISPOSED' })
      await embed.dispose()
    })

    it('lets a call that is under way end, or refuses it', async () => {
      const embed = await runtime.task('embedding', { model })
      const work = embed(some(500)).catch((thrown: unknown) => thrown)
      await embed.dispose()
      const result = await work
      expect(result instanceof DisposedError || (Array.isArray(result) && result.length === 500)).toBe(true)
    })

    it('leaves vectors whole that were made before', async () => {
      const embed = await runtime.task('embedding', { model })
      const vectors = await embed(some(20))
      const before = matrixOf(vectors)
      await embed.dispose()
      await (await open())(some(50))
      expect(apart(vectors, before)).toBe(0)
    })
  })

  it('gives back its memory and files: 100 are opened and disposed of', async () => {
    const cycle = async () => {
      const embed = await runtime.task('embedding', { model })
      await embed(some(20))
      await embed.dispose()
    }
    for (let warm = 0; warm < 10; warm++) await cycle()
    const [before, filesBefore] = [process.memoryUsage().rss, await openFiles()]
    for (let time = 0; time < 100; time++) await cycle()
    // A model of 98 kB with its tokenizer: a leak of either would be more than a third of a megabyte each time.
    expect((process.memoryUsage().rss - before) / 2 ** 20).toBeLessThan(64)
    expect(await openFiles()).toBe(filesBefore)
  })
})

describe('all-MiniLM-L6-v2', async () => {
  interface Reference {
    readonly shape: readonly [number, number]
    readonly maxSequenceLength: number
    readonly inputIds: readonly (readonly number[])[]
    readonly untruncatedTokens: readonly number[]
  }
  const sentences = await readJson<readonly string[]>('sentences.json')
  const reference = await readJson<Reference>('expected.json')
  const [rows, columns] = reference.shape
  const bytes = await readFile(fixture('expected.f32'))
  const numbers = new Float32Array(new Uint8Array(bytes).buffer)
  const expected = Array.from({ length: rows }, (_, index) => numbers.subarray(index * columns, (index + 1) * columns))

  const cosines = (vectors: readonly Float32Array[]) => vectors.map((vector, index) => cosine(vector, expected[index]!))

  async function embedded(model: string): Promise<readonly Float32Array[]> {
    const events = heard()
    const embed = await embedder(model)
    expect([embed.dimensions, embed.maxLength]).toEqual([columns, reference.maxSequenceLength])
    const vectors = await embed(sentences)
    expect(vectors).toHaveLength(rows)
    const cut = reference.untruncatedTokens.filter((count) => count > reference.maxSequenceLength).length
    expect(events).toMatchObject([{ code: 'TENON_TEXT_CUT', message: expect.stringContaining(`${cut} of ${rows} texts`) }])
    for (const vector of vectors) expect(Math.hypot(...vector)).toBeCloseTo(1, 5)
    return vectors
  }

  it('reads the tokens that transformers reads', async () => {
    await using checkpoint = await openFolder(directory)
    const tokenizer = await checkpoint.tokenizer()
    const whole = await tokenizer.encodeBatch(sentences)
    expect(whole.map(({ ids }) => ids.length)).toEqual(reference.untruncatedTokens)
    const cut = await tokenizer.encodeBatch(sentences, { maxLength: reference.maxSequenceLength })
    expect(cut.map(({ ids }) => ids)).toEqual(reference.inputIds)
  })

  it('embeds 200 sentences as the float32 model does, to a cosine of 0.99, with the shipped bytes', async () => {
    const all = cosines(await embedded(directory))
    expect(all.filter((each) => !(each >= 0.99))).toEqual([])
    expect(all.reduce((sum, each) => sum + each, 0) / rows).toBeGreaterThan(0.995)
  })

  it('gives a sentence nearly the same vector among any others', async () => {
    const embed = await embedder(directory)
    const together = await embed(sentences)
    const alone = await embed(sentences[42]!)
    expect(cosine(alone, together[42]!)).toBeGreaterThan(0.995)
  })

  const float32 = process.env['TENON_MINILM_FP32']
  if (float32 === undefined) console.warn('not tested: all-MiniLM-L6-v2 in float32. Set TENON_MINILM_FP32 to the folder of its published weights.')

  it.skipIf(float32 === undefined)('embeds them to a cosine of 0.9999 in float32 (needs TENON_MINILM_FP32, the folder of the published weights)', async () => {
    const vectors = await embedded(float32!)
    expect(cosines(vectors).filter((each) => !(each >= 0.9999))).toEqual([])
    expect(apart(vectors, matrixOf(expected))).toBeLessThan(tolerance.float32)
  })
})

/** How many files this process has open; always 0 where the system does not tell. */
async function openFiles(): Promise<number> {
  return process.platform === 'linux' ? (await readdir('/proc/self/fd')).length : 0
}
