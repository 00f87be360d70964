import { byteLength, bytesOf, elementCount, InvalidFileError, lazyConstant, viewAs, WeightMismatchError, type BlockQuantization, type Checkpoint, type Constant } from '@tenon/core'
import type { GraphBuilder, Value } from '@tenon/graph'
import { isFloat, widen } from './widen.js'

/** The other names a parameter path may have in a checkpoint, tried in order after the path itself. */
export type Spellings = (path: string) => readonly string[]

/** A base model is saved without its prefix, and the first checkpoints call a norm's parameters gamma and beta. */
export const spelledUnder = (prefix: string): Spellings => (path) => {
  const bare = path.startsWith(`${prefix}.`) ? path.slice(prefix.length + 1) : path
  const legacy = (name: string) => name.replace(/\.weight$/, '.gamma').replace(/\.bias$/, '.beta')
  return [bare, legacy(path), legacy(bare)]
}

/** A matrix in a few bits, as values of the graph. */
export interface Blocks extends Pick<BlockQuantization, 'bits' | 'blockSize'> {
  readonly codes: Value // [rows, blocks, bytes of a block]
  readonly scales: Value // [rows, blocks]
  readonly zeroPoints: Value | undefined
}

/**
 * A place in a checkpoint, from which a module takes its parameters by the names they have there. A parameter
 * becomes a value of the graph, in float32, under its path.
 * @example
 * const query = weights.at('encoder.layer.0.attention.self.query')
 * const weight = query.get('weight', [384, 384])
 */
export class Weights {
  readonly #known: Map<string, Value>

  constructor(
    readonly builder: GraphBuilder,
    readonly checkpoint: Checkpoint,
    readonly spellings: Spellings = () => [],
    readonly path = '',
    known = new Map<string, Value>(),
  ) {
    this.#known = known
  }

  at(...steps: readonly (string | number)[]): Weights {
    const path = [this.path, ...steps].filter((step) => step !== '').join('.')
    return new Weights(this.builder, this.checkpoint, this.spellings, path, this.#known)
  }

  has(name: string): boolean {
    return this.#find(this.at(name).path) !== undefined
  }

  /**
   * The parameter; the same value however often it is asked for, so that tied weights stay tied.
   * @throws WeightMismatchError when it is absent or of another shape.
   * @throws InvalidFileError when it holds integers, or is not there because of a quantiser: such weights mean nothing without scales that only that one knows.
   */
  get(name: string, shape: readonly number[]): Value {
    const { path } = this.at(name)
    const known = this.#known.get(path)
    const constant = this.#constant(path, shape)
    const value = known ?? this.builder.constant(constant, path)
    this.#known.set(path, value)
    return value
  }

  /**
   * The parameter in a few bits, where the checkpoint has it so: its codes, scales and zero points.
   * @param transposed Whether the parameter is stored the other way round, [size, rows].
   * @throws WeightMismatchError when it is of another shape.
   */
  blocks(name: string, [rows, size]: readonly [number, number], transposed = false): Blocks | undefined {
    const { path } = this.at(name)
    const constant = this.#find(path)
    const blocks = constant?.blocks
    if (constant === undefined || blocks === undefined || (blocks.transposed ?? false) !== transposed) return undefined
    const expected = transposed ? [size, rows] : [rows, size]
    if (constant.shape.join() !== expected.join()) throw new WeightMismatchError({ reference: this.checkpoint.reference, tensor: path, expected, actual: constant.shape })
    const part = (name: string, each: Constant): Value => {
      const value = this.#known.get(`${path}.${name}`) ?? this.builder.constant(each, `${path}.${name}`)
      this.#known.set(`${path}.${name}`, value)
      return value
    }
    const { bits, blockSize, codes, scales, zeroPoints } = blocks
    return { bits, blockSize, codes: part('codes', codes), scales: part('scales', scales), zeroPoints: zeroPoints && part('zero_points', zeroPoints) }
  }

  /**
   * One of the matrices that a checkpoint keeps in one tensor, behind one another.
   * @param shape Of the tensor.
   * @param size Rows and columns of the matrix.
   * @throws WeightMismatchError, InvalidFileError as `get`
   */
  matrix(name: string, shape: readonly number[], size: readonly [number, number], index: number): Value {
    const { path } = this.at(name)
    const key = `${path}.${index}`
    const known = this.#known.get(key)
    const whole = this.#checked(path, shape)
    const value = known ?? this.builder.constant(this.#asFloat32(rangeOf(whole, index * elementCount(size), size), path), key)
    this.#known.set(key, value)
    return value
  }

  #constant(path: string, shape: readonly number[]): Constant {
    return this.#asFloat32(this.#checked(path, shape), path)
  }

  #checked(path: string, shape: readonly number[]): Constant {
    const constant = this.#find(path)
    const actual = constant?.shape
    if (constant === undefined || actual?.length !== shape.length || actual.some((size, axis) => size !== shape[axis])) {
      if (isQuantised(this.checkpoint)) throw quantised(this.checkpoint, `is quantised, by its config, and holds no '${path}' of shape [${shape.join(', ')}]`)
      throw new WeightMismatchError({ reference: this.checkpoint.reference, tensor: path, expected: shape, actual })
    }
    return constant
  }

  #find(path: string): Constant | undefined {
    const { constants } = this.checkpoint
    return constants.get(path) ?? this.spellings(path).map((spelling) => constants.get(spelling)).find((constant) => constant !== undefined)
  }

  /** Checkpoints stored in 16 bits are widened when their bytes are fetched. */
  #asFloat32(constant: Constant, path: string): Constant {
    const { dtype, shape } = constant
    if (dtype === 'float32') return constant
    if (isFloat(dtype)) return { ...lazyConstant('float32', shape, async () => bytesOf(widen(dtype, viewAs(dtype, await constant.bytes())))), ...(dtype !== 'float64' && { stored: constant }) }
    throw quantised(this.checkpoint, `holds '${path}' as ${dtype}`)
  }
}

/** As a config says of GPTQ, AWQ and their like in `transformers`, and of MLX. */
const isQuantised = ({ config }: Checkpoint): boolean => ['quantization_config', 'quantization'].some((key) => typeof config[key] === 'object' && config[key] !== null)

const quantised = ({ reference }: Checkpoint, problem: string): InvalidFileError =>
  new InvalidFileError({ path: reference, problem, remedy: 'Take the checkpoint from before its quantisation, and quantise with @tenon/compress' })

/** Elements of a constant from one on. Where it lies in a file, so do they. */
function rangeOf({ dtype, file, bytes }: Constant, first: number, shape: readonly number[]): Constant {
  const [begin, length] = [byteLength(dtype, [first]), byteLength(dtype, shape)]
  const range = lazyConstant(dtype, shape, async () => (await bytes()).subarray(begin, begin + length))
  return file === undefined ? range : { ...range, file: { path: file.path, offset: file.offset + begin } }
}
