import { copyFile, mkdir, readdir, readFile, realpath, rename, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { AbortedError, inlineConstant, InvalidFileError, InvalidGraphError, InvalidOptionError, lazyConstant, MissingFileError, type Constant, type Graph, type TenonEvent } from '@tenon/core'
import { assert, asyncProperty, string, uniqueArray } from 'fast-check'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../builder.js'
import { integers } from '../literals.js'
import { Add, Cast, ConstantOfShape, Gelu, MatMul, MultiHeadAttention, Neg, Relu, Reshape, Shape, Transpose } from '../ops/index.js'
import { graphOf, script } from '../test-random-graphs.js'
import { constantOf, hollow, noise, temporaryFolder } from '../test-support.js'
import { verify } from '../verify.js'
import { decodeModel } from './decode.js'
import { encodeOnnx, readOnnx, writeOnnx } from './index.js'

/** x · large + bias; the large weight goes to the data file. */
function example(large: Constant = constantOf(noise([64, 40], 1)), bias: Constant = constantOf(noise([40], 2))): Graph {
  const builder = new GraphBuilder('example')
  const x = builder.input('x', 'float32', ['batch', 64])
  builder.output('y', Add(MatMul(x, builder.constant(large, 'large')), builder.constant(bias, 'bias')))
  return builder.build()
}

/** Everything that attributes and values can be: of each kind one. */
function varied(): Graph {
  const builder = new GraphBuilder('varied')
  const x = builder.input('x', 'float32', ['batch', 'past+new', 8])
  const filled = ConstantOfShape(Shape(x), { value: inlineConstant('float32', [1], Float32Array.of(0.5)) })
  const attended = MultiHeadAttention(x, x, x, undefined, undefined, undefined, { num_heads: 2, scale: 0.25, mask_filter_value: -3.4028234663852886e38 })
  const turned = Transpose(Add(Gelu(attended, { approximate: 'tanh' }), filled), { perm: [2, 1, 0] })
  builder.output('y', Cast(turned, { to: 'bfloat16' }))
  builder.output('scalar', Reshape(Shape(x, { start: -1 }), integers(x, [])))
  return builder.build()
}

const plain = (graph: Graph) => ({ ...graph, constants: undefined })
async function contentsOf(graph: Graph) {
  return Promise.all([...graph.constants].map(async ([name, constant]) => [name, constant.dtype, constant.shape, Buffer.from(await constant.bytes()).toString('hex')]))
}

async function same(actual: Graph, expected: Graph) {
  const comparable = (graph: Graph) => JSON.parse(JSON.stringify(plain(graph), (_, value: unknown) => (value instanceof Uint8Array ? [...value] : value))) as unknown
  expect(comparable(actual)).toEqual(comparable(expected))
  expect(await contentsOf(actual)).toEqual(await contentsOf(expected))
}

describe('writing and reading', () => {
  it.each([
    ['weights', example()],
    ['attributes of every kind', varied()],
  ])('gives the same graph back: %s', async (_, graph) => {
    const path = join(await temporaryFolder(), 'model.onnx')
    await writeOnnx(graph, path)
    const read = await readOnnx(path)
    await same(read, graph)
    verify(read)
    const again = join(await temporaryFolder(), 'model.onnx')
    await writeOnnx(read, again)
    expect(await readFile(again)).toEqual(await readFile(path))
  })

  it('gives any small graph back', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'model.onnx')
    await assert(
      asyncProperty(script, async (steps) => {
        const graph = graphOf(steps)
        await writeOnnx(graph, path)
        const read = await readOnnx(path)
        await same(read, graph)
        const bytes = await readFile(path)
        await writeOnnx(read, path)
        expect(await readFile(path)).toEqual(bytes)
      }),
      { numRuns: 100 },
    )
  })

  it('gives names back whatever they are made of', async () => {
    const path = join(await temporaryFolder(), 'model.onnx')
    await assert(
      asyncProperty(uniqueArray(string({ minLength: 1, unit: 'binary' }), { minLength: 4, maxLength: 4 }), async ([x = '', weight = '', large = '', y = '']) => {
        const builder = new GraphBuilder(`${x}${y}`)
        const product = MatMul(builder.input(x, 'float32', ['batch', 64]), builder.constant(constantOf(noise([64, 40])), large))
        builder.output(y, Add(product, builder.constant(constantOf(noise([40])), weight)))
        const graph = builder.build()
        await writeOnnx(graph, path)
        await same(await readOnnx(path), graph)
      }),
      { numRuns: 50 },
    )
  })

  it('keeps weights in their file until they are asked for', async () => {
    const path = join(await temporaryFolder(), 'model.onnx')
    await writeOnnx(example(), path)
    const { constants } = await readOnnx(path)
    expect(constants.get('large')).toMatchObject({ file: { path: `${path}_data`, offset: 0 }, byteLength: 10240 })
    expect(constants.get('large')!.inline).toBeUndefined()
    expect(constants.get('bias')!.inline).toHaveLength(160)
  })

  it('leaves large weights in the model file where they lie there', async () => {
    const path = join(await temporaryFolder(), 'model.onnx')
    await writeFile(path, encodeOnnx(example()))
    const graph = await readOnnx(path)
    const { file } = graph.constants.get('large')!
    expect(file!.path).toBe(path)
    const bytes = await readFile(path)
    expect(bytes.subarray(file!.offset, file!.offset + 10240)).toEqual(Buffer.from(example().constants.get('large')!.inline!))
    await same(graph, example())
  })

  it('names sizes that nobody named apart', () => {
    // x: float32[?, -1], as a ValueInfoProto in a GraphProto in a ModelProto.
    const message = (number: number, ...parts: number[][]) => [number * 8 + 2, parts.flat().length, ...parts.flat()]
    const minusOne = [8, ...Array.from({ length: 9 }, () => 255), 1]
    const info = message(11, message(1, [120]), message(2, message(1, [8, 1], message(2, message(1), message(1, minusOne)))))
    const { graph } = decodeModel(Uint8Array.from(message(7, info)), 'model.onnx')
    expect(graph.inputs).toEqual([{ name: 'x', dtype: 'float32', shape: ['size(x)[0]', 'size(x)[1]'] }])
  })

  it('is understood by ONNX Runtime, external data and all', async () => {
    const path = join(await temporaryFolder(), 'model.onnx')
    await writeOnnx(example(), path)
    const session = await InferenceSession.create(path)
    const inline = await InferenceSession.create(encodeOnnx(example()))
    const feeds = { x: new Tensor('float32', noise([2, 64], 3).values, [2, 64]) }
    expect((await session.run(feeds)).y!.data).toEqual((await inline.run(feeds)).y!.data)
    await Promise.all([session.release(), inline.release()])
  })
})

describe('encodeOnnx', () => {
  it('refuses ops and attributes it does not know, and bytes that are not at hand', () => {
    const graph = example()
    const withNode = (op: string, attributes = {}): Graph => ({ ...graph, nodes: [{ op, inputs: ['x'], outputs: ['y'], attributes }] })
    expect(() => encodeOnnx(withNode('Frobnicate'))).toThrow(InvalidGraphError)
    expect(() => encodeOnnx(withNode('Relu', { axis: 1 }))).toThrow(InvalidGraphError)
    expect(() => encodeOnnx(example(hollow('float32', [64, 40])))).toThrow(InvalidGraphError)
  })
})

describe('writeOnnx', () => {
  const names = async (folder: string) => (await readdir(folder)).toSorted()

  it('writes no data file where every constant is small, and makes the folder', async () => {
    const folder = join(await temporaryFolder(), 'a', 'b')
    const path = join(folder, 'model.onnx')
    expect(await writeOnnx(varied(), path)).toEqual([{ path, bytes: (await stat(path)).size, origin: 'written' }])
    expect(await names(folder)).toEqual(['model.onnx'])
  })

  it('starts each large weight at a page', async () => {
    const folder = await temporaryFolder()
    const builder = new GraphBuilder('test')
    const sizes = [1024, 1025, 5000, 1023, 1024]
    sizes.forEach((size, index) => builder.output(`y${index}`, Neg(builder.constant(constantOf(noise([size], index)), `w${index}`))))
    const written = await writeOnnx(builder.build(), join(folder, 'model.onnx'), { dataFile: 'weights.bin' })
    expect(written.map(({ path }) => path)).toEqual([join(folder, 'model.onnx'), join(folder, 'weights.bin')])
    for (const { path, bytes } of written) expect(bytes).toBe((await stat(path)).size)
    const graph = await readOnnx(written[0]!.path)
    const places = [...graph.constants.values()].map(({ file }) => file?.offset)
    expect(places).toEqual([0, 4096, 12288, undefined, 32768])
    await same(graph, builder.build())
  })

  it('holds one weight at a time: each is on disk before the next is asked for', async () => {
    const folder = await temporaryFolder()
    const builder = new GraphBuilder('test')
    const outstanding = new Set<number>()
    const onDisk: number[] = []
    for (let index = 0; index < 20; index++) {
      const constant = lazyConstant('float32', [2048], async () => {
        outstanding.add(index)
        expect(outstanding.size).toBe(1)
        const [partial] = await readdir(folder)
        onDisk.push((await stat(join(folder, partial!))).size)
        outstanding.delete(index)
        return new Uint8Array(8192)
      })
      builder.output(`y${index}`, Neg(builder.constant(constant, `w${index}`)))
    }
    await writeOnnx(builder.build(), join(folder, 'model.onnx'))
    expect(onDisk).toEqual(Array.from({ length: 20 }, (_, index) => index * 8192))
  })

  it('tells how far it is', async () => {
    const events: TenonEvent[] = []
    await writeOnnx(example(), join(await temporaryFolder(), 'model.onnx'), { emit: (event) => events.push(event) })
    expect(events).toMatchObject([{ type: 'progress', done: 10240, total: 10400, unit: 'bytes' }, { done: 10400 }])
  })

  it.each([1, 2])('leaves the old files as they were when it is aborted at weight %i', async (at) => {
    const folder = await temporaryFolder()
    const path = join(folder, 'model.onnx')
    await writeOnnx(example(), path)
    const before = await Promise.all([readFile(path), readFile(`${path}_data`)])
    const controller = new AbortController()
    let asked = 0
    const abortive = (constant: Constant) => lazyConstant('float32', constant.shape, async () => {
      if (++asked === at) controller.abort(new Error('enough'))
      return new Uint8Array(constant.byteLength)
    })
    const { constants } = example()
    const failing = writeOnnx(example(abortive(constants.get('large')!), abortive(constants.get('bias')!)), path, { signal: controller.signal })
    await expect(failing).rejects.toThrow(AbortedError)
    expect(await names(folder)).toEqual(['model.onnx', 'model.onnx_data'])
    expect(await Promise.all([readFile(path), readFile(`${path}_data`)])).toEqual(before)
  })

  it('leaves no file when a weight cannot be had', async () => {
    const folder = await temporaryFolder()
    await expect(writeOnnx(example(undefined, hollow('float32', [40])), join(folder, 'model.onnx'))).rejects.toThrow('nobody may ask')
    expect(await names(folder)).toEqual([])
  })

  it.each([10239, 10241, 0])('refuses a weight of 10240 bytes that gives %i', async (size) => {
    const folder = await temporaryFolder()
    const lying = lazyConstant('float32', [64, 40], async () => new Uint8Array(size))
    await expect(writeOnnx(example(lying), join(folder, 'model.onnx'))).rejects.toThrow(InvalidGraphError)
    expect(await names(folder)).toEqual([])
  })

  it.each(['../weights', 'a/b', 'model.onnx', '', '..', '/weights'])('refuses %j as data file', async (dataFile) => {
    const folder = await temporaryFolder()
    await expect(writeOnnx(example(), join(folder, 'model.onnx'), { dataFile })).rejects.toThrow(InvalidOptionError)
    expect(await names(folder)).toEqual([])
  })
})

describe('readOnnx', () => {
  /** A model whose large weight lies at a location of the test's choosing. */
  async function externalAt(location: string, { offset = 0, length = 10240 } = {}): Promise<string> {
    const folder = join(await temporaryFolder(), 'model')
    await mkdir(folder)
    const path = join(folder, 'model.onnx')
    await writeFile(path, encodeOnnx(example(), { externalData: (name) => (name === 'large' ? { location, offset, length } : undefined) }))
    return path
  }

  it('takes constants that are inputs too for what they are', async () => {
    const path = await externalAt('weights')
    await writeFile(join(path, '..', 'weights'), new Uint8Array(10240))
    const plain = await readOnnx(path)
    await writeFile(path, encodeOnnx(example(), { externalData: (name) => (name === 'large' ? { location: 'weights', offset: 0, length: 10240 } : undefined), overridable: ({ byteLength }) => byteLength === 10240 }))
    const { inputs, constants, nodes } = await readOnnx(path)
    expect((await readFile(path)).length).toBeGreaterThan(encodeOnnx(example(), { externalData: (name) => (name === 'large' ? { location: 'weights', offset: 0, length: 10240 } : undefined) }).length)
    expect([inputs, Array.from(constants.keys()), nodes]).toEqual([plain.inputs, Array.from(plain.constants.keys()), plain.nodes])
  })

  it('says which file is missing', async () => {
    const folder = await temporaryFolder()
    await expect(readOnnx(join(folder, 'model.onnx'))).rejects.toThrow(MissingFileError)
    await expect(readOnnx(await externalAt('gone.bin'))).rejects.toThrow(MissingFileError)
    await expect(readOnnx(folder)).rejects.toThrow(InvalidFileError)
  })

  it.each(['../secret', 'a/../../secret', '/secret', '..\\secret', '', '.', 'nul\0'])('refuses data at %j', async (location) => {
    const path = await externalAt(location)
    await writeFile(join(path, '..', '..', 'secret'), new Uint8Array(10240))
    await expect(readOnnx(path)).rejects.toThrow(InvalidFileError)
  })

  it('refuses a link that leads out of the folder, and follows one inside', async () => {
    const path = await externalAt('linked.bin')
    const folder = join(path, '..')
    await writeFile(join(folder, '..', 'secret'), new Uint8Array(10240))
    await symlink(join('..', 'secret'), join(folder, 'linked.bin'))
    await expect(readOnnx(path)).rejects.toThrow('a link that leads out')
    const inside = await externalAt('linked.bin')
    await writeFile(join(inside, '..', 'data'), new Uint8Array(10240))
    await symlink('data', join(inside, '..', 'linked.bin'))
    expect((await readOnnx(inside)).constants.get('large')!.file!.path).toMatch(/data$/)
  })

  it('follows the links of the Hugging Face cache, where model and data are links into one folder, and no further', async () => {
    const cache = await temporaryFolder()
    const [blobs, snapshot] = [join(cache, 'blobs'), join(cache, 'snapshots', 'revision', 'onnx')]
    await Promise.all([blobs, join(blobs, 'deeper'), snapshot].map((folder) => mkdir(folder, { recursive: true })))
    const model = await externalAt('model.onnx_data')
    await rename(model, join(blobs, 'abc'))
    await Promise.all(['def', 'deeper/def', '../outside'].map((name) => writeFile(join(blobs, name), new Uint8Array(10240))))
    const path = join(snapshot, 'model.onnx')
    await symlink(join('..', '..', '..', 'blobs', 'abc'), path)
    const data = join(snapshot, 'model.onnx_data')
    const dataAt = async (target: string) => {
      await rm(data, { force: true })
      await symlink(target, data)
      return (await readOnnx(path)).constants.get('large')!.file!.path
    }
    expect(await dataAt('../../../blobs/def')).toBe(await realpath(join(blobs, 'def')))
    await expect(dataAt('../../../blobs/deeper/def')).rejects.toThrow('a link that leads out')
    await expect(dataAt('../../../outside')).rejects.toThrow('a link that leads out')
    // Newer caches share one store, spread over folders by the first two digits.
    await mkdir(join(blobs, '0f'))
    await writeFile(join(blobs, '0f', 'data'), new Uint8Array(10240))
    expect(await dataAt('../../../blobs/0f/data')).toBe(await realpath(join(blobs, '0f', 'data')))
    // A model that is no link itself gets nothing from elsewhere, the cache included.
    await rm(path)
    await copyFile(join(blobs, 'abc'), path)
    await expect(dataAt('../../../blobs/def')).rejects.toThrow('a link that leads out')
  })

  it('reads data from several files', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'model.onnx')
    const places: Record<string, string> = { large: 'a.bin', bias: 'deeper/b.bin' }
    await mkdir(join(folder, 'deeper'))
    await writeFile(path, encodeOnnx(example(), { externalData: (name, { byteLength }) => ({ location: places[name]!, offset: 0, length: byteLength }) }))
    for (const [name, constant] of example().constants) await writeFile(join(folder, places[name]!), constant.inline!)
    const graph = await readOnnx(path)
    await same(graph, example())
    // What decides shapes is at hand wherever it lies.
    expect(graph.constants.get('bias')!.inline).toHaveLength(160)
  })

  it('refuses a folder whose name begins like the model’s, and a folder as data', async () => {
    const path = await externalAt('linked.bin')
    const sibling = `${join(path, '..')}-other`
    await mkdir(sibling)
    await writeFile(join(sibling, 'data'), new Uint8Array(10240))
    await symlink(join('..', basename(sibling), 'data'), join(path, '..', 'linked.bin'))
    await expect(readOnnx(path)).rejects.toThrow(InvalidFileError)
    const other = await externalAt('data')
    await mkdir(join(other, '..', 'data'))
    await expect(readOnnx(other)).rejects.toThrow('which is no file')
  })

  it.each([
    ['ends early', { size: 10239 }],
    ['ends before the offset', { offset: 4096, size: 4096 }],
    ['is longer than the shape says', { length: 10244, size: 20000 }],
    ['is shorter than the shape says', { length: 10236, size: 20000 }],
  ])('refuses data that %s', async (_, { size, ...where }) => {
    const path = await externalAt('data.bin', where)
    await writeFile(join(path, '..', 'data.bin'), new Uint8Array(size))
    await expect(readOnnx(path)).rejects.toThrow(InvalidFileError)
  })

  it('notices a data file that was cut after it was opened', async () => {
    const path = join(await temporaryFolder(), 'model.onnx')
    await writeOnnx(example(), path)
    const { constants } = await readOnnx(path)
    await truncate(`${path}_data`, 100)
    await expect(constants.get('large')!.bytes()).rejects.toThrow(InvalidFileError)
    expect((await stat(`${path}_data`)).size).toBe(100)
  })

  it('reads the same after the model was moved with its data', async () => {
    const folder = await temporaryFolder()
    await writeOnnx(example(), join(folder, 'a', 'model.onnx'))
    await rename(join(folder, 'a'), join(folder, 'b'))
    const moved = await readOnnx(join(folder, 'b', 'model.onnx'))
    expect(moved.constants.get('large')!.file!.path).toBe(join(folder, 'b', 'model.onnx_data'))
    await same(moved, example())
  })

  it('refuses two tensors of one name', async () => {
    const path = join(await temporaryFolder(), 'model.onnx')
    const builder = new GraphBuilder('test')
    const [one, two] = ['first', 'other'].map((name) => builder.constant(constantOf(noise([2])), name))
    builder.output('y', Add(one!, two!))
    await writeFile(path, Buffer.from(encodeOnnx(builder.build())).toString('latin1').replaceAll('other', 'first'), 'latin1')
    await expect(readOnnx(path)).rejects.toThrow("holds two tensors named 'first'")
  })

  it('refuses an attribute that is shorter than its shape', async () => {
    const path = join(await temporaryFolder(), 'model.onnx')
    const builder = new GraphBuilder('test')
    const short = { ...inlineConstant('float32', [1], Float32Array.of(1)), shape: [2] }
    builder.output('y', Relu(ConstantOfShape(integers(builder.input('x', 'float32', []), [2]), { value: short })))
    await writeFile(path, encodeOnnx(builder.build()))
    await expect(readOnnx(path)).rejects.toThrow("holds 4 bytes for the tensor 'value', and its shape [2] needs 8")
  })
})
