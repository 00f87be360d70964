import { statSync } from 'node:fs'
import { link, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AbortedError, bytesOf, InvalidFileError, lazyConstant, type Constant, type Graph, type TenonEvent } from '@tenon/core'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { describe, expect, it, onTestFinished } from 'vitest'
import { GraphBuilder } from '../builder.js'
import { Add, MatMul } from '../ops/index.js'
import { constantOf, noise, temporaryFolder } from '../test-support.js'
import { readOnnx, writeOnnx, type WrittenFile } from './index.js'
import { shareFile } from './share-file.js'

const [WEIGHT, BIAS] = [noise([64, 40], 1), noise([1200], 2)]

/** A weight as it lies in a file; nobody may read it by way of JavaScript. */
const inFile = (path: string, offset: number, shape: readonly number[]): Constant => ({
  ...lazyConstant('float32', shape, async () => {
    throw new Error('nobody may ask for these bytes')
  }),
  file: { path, offset },
})

/** A checkpoint's file: as many bytes of header, the weight, the bias, and what no graph uses. */
async function weightsFile(folder: string, { header = 840, unused = 16 } = {}): Promise<string> {
  await mkdir(folder, { recursive: true })
  const path = join(folder, 'model.safetensors')
  await writeFile(path, Buffer.concat([Buffer.alloc(header, ' '), bytesOf(WEIGHT.values), bytesOf(BIAS.values), Buffer.alloc(unused)]))
  return path
}

/** x · weight, and the bias beside it. */
function graphOf(weight: Constant, bias: Constant): Graph {
  const builder = new GraphBuilder('linked')
  builder.output('y', MatMul(builder.input('x', 'float32', ['batch', 64]), builder.constant(weight, 'weight')))
  builder.output('z', Add(builder.input('w', 'float32', [1]), builder.constant(bias, 'bias')))
  return builder.build()
}

const over = (path: string, header = 840) => graphOf(inFile(path, header, [64, 40]), inFile(path, header + 10_240, [1200]))

/** What ONNX Runtime makes of a written model, beside what the weights say. */
async function isRight(path: string): Promise<boolean> {
  const session = await InferenceSession.create(path)
  try {
    const x = noise([2, 64], 3).values
    const { y, z } = await session.run({ x: new Tensor('float32', x, [2, 64]), w: new Tensor('float32', [1], [1]) })
    const expected = Array.from({ length: 80 }, (_, index) => WEIGHT.values.reduce((sum, value, at) => (at % 40 === index % 40 ? sum + value * x[Math.floor(index / 40) * 64 + Math.floor(at / 40)]! : sum), 0))
    const apart = Math.max(...expected.map((value, index) => Math.abs(value - Number(y!.data[index]))), ...BIAS.values.map((value, index) => Math.abs(value + 1 - Number(z!.data[index]))))
    return apart < 1e-5
  } finally {
    await session.release()
  }
}

const origins = (files: readonly WrittenFile[]) => files.map(({ path, origin }) => [path.split('/').at(-1), origin === 'cloned' ? 'linked' : origin])

describe('writeOnnx with link', () => {
  it('uses the file that holds the weights as the data file, and copies nothing', async () => {
    const folder = await temporaryFolder()
    const source = await weightsFile(join(folder, 'source'))
    const files = await writeOnnx(over(source), join(folder, 'model.onnx'), { link: true })
    expect(origins(files)).toEqual([['model.onnx', 'written'], ['model.onnx_data', 'linked']])
    expect(files[1]!.bytes).toBe((await stat(source)).size)
    expect(files[1]!.origin === 'cloned' || (await stat(files[1]!.path)).ino === (await stat(source)).ino).toBe(true)
    expect((await readOnnx(files[0]!.path)).constants.get('bias')!.file).toEqual({ path: files[1]!.path, offset: 840 + 10_240 })
    expect(await isRight(files[0]!.path)).toBe(true)
    expect((await readdir(folder)).toSorted()).toEqual(['model.onnx', 'model.onnx_data', 'source'])
  })

  it.each([4, 8, 12, 4096 + 4])('is right for weights that begin at byte %i', async (header) => {
    const folder = await temporaryFolder()
    const source = await weightsFile(join(folder, 'source'), { header })
    const files = await writeOnnx(over(source, header), join(folder, 'model.onnx'), { link: true })
    expect(origins(files)[1]).toEqual(['model.onnx_data', 'linked'])
    expect(await isRight(files[0]!.path)).toBe(true)
  })

  it('links what a link leads to, not the link', async () => {
    const folder = await temporaryFolder()
    const source = await weightsFile(join(folder, 'blobs'))
    await symlink(source, join(folder, 'snapshot.safetensors'))
    const [, data] = await writeOnnx(over(join(folder, 'snapshot.safetensors')), join(folder, 'export', 'model.onnx'), { link: true })
    expect((await stat(data!.path)).isFile()).toBe(true)
    expect((await readdir(join(folder, 'export'), { withFileTypes: true })).some((entry) => entry.isSymbolicLink())).toBe(false)
  })

  it('numbers the files of several shards, with what is in none of them last', async () => {
    const folder = await temporaryFolder()
    const [one, two] = [await weightsFile(join(folder, 'one')), await weightsFile(join(folder, 'two'))]
    await Promise.all([one, two].map(async (path, index) => writeFile(path, Buffer.concat([Buffer.alloc(840), bytesOf(index === 0 ? WEIGHT.values : BIAS.values)]))))
    const graph = graphOf(inFile(one, 840, [64, 40]), inFile(two, 840, [1200]))
    const files = await writeOnnx(graph, join(folder, 'export/model.onnx'), { link: true })
    expect(origins(files)).toEqual([['model.onnx', 'written'], ['model.onnx_data', 'linked'], ['model.onnx_data_1', 'linked']])
    expect(await isRight(files[0]!.path)).toBe(true)

    const mixed = graphOf(constantOf(WEIGHT), inFile(two, 840, [1200]))
    const others = await writeOnnx(mixed, join(folder, 'mixed/model.onnx'), { link: true })
    expect(origins(others)).toEqual([['model.onnx', 'written'], ['model.onnx_data', 'linked'], ['model.onnx_data_1', 'written']])
    expect(await isRight(others[0]!.path)).toBe(true)
  })

  it('writes tensors anew that are not aligned to their elements', async () => {
    const folder = await temporaryFolder()
    const source = await weightsFile(join(folder, 'source'), { header: 841 })
    const graph = graphOf({ ...constantOf(WEIGHT), file: { path: source, offset: 841 } }, { ...constantOf(BIAS), file: { path: source, offset: 841 + 10_240 } })
    const files = await writeOnnx(graph, join(folder, 'model.onnx'), { link: true })
    expect(origins(files)).toEqual([['model.onnx', 'written'], ['model.onnx_data', 'written']])
    expect(await isRight(files[0]!.path)).toBe(true)
  })

  it('does not take a file along that is used for less than half', async () => {
    const folder = await temporaryFolder()
    const source = await weightsFile(join(folder, 'source'), { unused: 20_000 })
    const graph = graphOf({ ...constantOf(WEIGHT), file: { path: source, offset: 840 } }, { ...constantOf(BIAS), file: { path: source, offset: 840 + 10_240 } })
    expect(origins(await writeOnnx(graph, join(folder, 'model.onnx'), { link: true }))[1]).toEqual(['model.onnx_data', 'written'])
  })

  it('refuses a file that ends inside a weight', async () => {
    const folder = await temporaryFolder()
    const source = await weightsFile(join(folder, 'source'))
    await expect(writeOnnx(graphOf(inFile(source, 840, [64, 40]), inFile(source, 14_400, [1200])), join(folder, 'model.onnx'), { link: true })).rejects.toThrow(InvalidFileError)
    expect(await readdir(folder)).toEqual(['source'])
  })

  it('writes a model over itself, with its own data', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'model.onnx')
    await writeOnnx(graphOf(constantOf(WEIGHT), constantOf(BIAS)), path)
    await writeOnnx(await readOnnx(path), path, { link: true })
    expect((await readdir(folder)).toSorted()).toEqual(['model.onnx', 'model.onnx_data'])
    expect(await isRight(path)).toBe(true)
  })

  it('writes beside the source when it is not asked to link', async () => {
    const folder = await temporaryFolder()
    const source = await weightsFile(join(folder, 'source'))
    const graph = graphOf({ ...constantOf(WEIGHT), file: { path: source, offset: 840 } }, { ...constantOf(BIAS), file: { path: source, offset: 840 + 10_240 } })
    const [model, data] = await writeOnnx(graph, join(folder, 'model.onnx'))
    expect((await stat(data!.path)).nlink).toBe(1)
    expect(await isRight(model!.path)).toBe(true)
  })
})

/** A folder in memory, where Linux has one: another file system, to which nothing can be linked. */
const elsewhere = '/dev/shm'
const hasElsewhere = statSync(elsewhere, { throwIfNoEntry: false })?.isDirectory() === true

describe.skipIf(!hasElsewhere)('a file of another file system', () => {
  async function large(): Promise<{ path: string; bytes: Buffer }> {
    const folder = await mkdtemp(join(elsewhere, 'tenon-graph-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const bytes = Buffer.from(noise([5_000_000], 4).values.buffer)
    await writeFile(join(folder, 'large'), bytes)
    return { path: join(folder, 'large'), bytes }
  }

  it('is copied, and tells how far it is', async () => {
    const { path, bytes } = await large()
    const to = join(await temporaryFolder(), 'copy')
    const events: TenonEvent[] = []
    expect(await shareFile(path, to, { emit: (event) => events.push(event) })).toBe('copied')
    expect((await readFile(to)).equals(bytes)).toBe(true)
    expect(events.map((event) => event.type === 'progress' && event.done)).toEqual([8 * 2 ** 20, 16 * 2 ** 20, 20_000_000])
  })

  it('is not copied on when the work is aborted', async () => {
    const { path } = await large()
    const controller = new AbortController()
    await expect(shareFile(path, join(await temporaryFolder(), 'copy'), { signal: controller.signal, emit: () => controller.abort() })).rejects.toThrow(AbortedError)
  })
})

describe('a model that is replaced', () => {
  it('is away while its weights change, so that it is never found beside those of another', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'model.onnx')
    await writeOnnx(graphOf(constantOf(WEIGHT), constantOf(BIAS)), path)
    // A folder under the data file's name: the rename of the new one fails after the older model was taken away.
    await rename(`${path}_data`, join(folder, 'kept'))
    await mkdir(join(folder, 'model.onnx_data', 'full'), { recursive: true })
    const before = await readFile(path)
    await expect(writeOnnx(graphOf(constantOf(WEIGHT), constantOf(BIAS)), path)).rejects.toThrow(/ENOTEMPTY|EISDIR|EEXIST/)
    expect(await readFile(path)).toEqual(before) // nothing was replaced, so it is back
    expect((await readdir(folder)).toSorted()).toEqual(['kept', 'model.onnx', 'model.onnx_data'])
  })

  it('is gone rather than beside the weights of another when only some could be replaced', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'model.onnx')
    const source = await weightsFile(join(folder, 'source'))
    await writeFile(source, Buffer.concat([Buffer.alloc(840), bytesOf(BIAS.values)]))
    const graph = graphOf(constantOf(WEIGHT), inFile(source, 840, [1200]))
    await writeOnnx(graph, path, { link: true })
    await rename(`${path}_data_1`, join(folder, 'kept'))
    await mkdir(join(folder, 'model.onnx_data_1', 'full'), { recursive: true })
    await expect(writeOnnx(graph, path, { link: true })).rejects.toThrow(/ENOTEMPTY|EISDIR|EEXIST/)
    expect(await readdir(folder)).not.toContain('model.onnx')
  })

  it('leaves who holds the older files what they hold', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'model.onnx')
    await writeOnnx(graphOf(constantOf(WEIGHT), constantOf(BIAS)), path)
    await link(`${path}_data`, join(folder, 'held'))
    const before = await readFile(join(folder, 'held'))
    await writeOnnx(graphOf(constantOf(noise([64, 40], 7)), constantOf(BIAS)), path)
    expect(await readFile(join(folder, 'held'))).toEqual(before)
  })
})
