import { byteLength, type Constant, type NumericType } from '@tenon/core'
import { notFinite } from './not-finite.js'
import { NOT_FINITE, type Job, type Outcome, type Recipe } from './quantizer.js'
import { perform } from './threads.js'

/** A matrix, and what is to be made of it. */
export interface Derivation {
  readonly recipe: Recipe
  /** [rows, columns] of the matrix, and which of them counts output channels. */
  readonly weight: Constant
  readonly axis: 0 | 1
  readonly transpose?: boolean
  readonly inputScales?: (() => Promise<Float32Array>) | undefined
  /** The types and shapes of what is made. */
  readonly parts: readonly { readonly dtype: NumericType; readonly shape: readonly number[] }[]
}

/** What a constant is computed from, and which part of the result it is. */
interface Derived {
  readonly derivation: Derivation
  readonly part: number
  /** All that is made together. */
  readonly together: readonly Constant[]
}

const origins = new WeakMap<Constant, Derived>()

/** How a constant is computed, if `derive` made it. */
export const derivedFrom = (constant: Constant): Derived | undefined => origins.get(constant)

/**
 * Constants that are computed from a weight, in other threads, when they are asked for. All are computed at once; those that were not
 * asked for are kept until they are, so that who asks for all in turn has the work done once.
 */
export function derive(derivation: Derivation): readonly Constant[] {
  const kept = new Map<number, Promise<Uint8Array>>()
  const take = (part: number): Promise<Uint8Array> => {
    if (!kept.has(part)) {
      const computed = compute(derivation)
      computed.catch(() => kept.clear())
      derivation.parts.forEach((_, index) => {
        const bytes = computed.then((parts) => parts[index]!)
        bytes.catch(() => undefined) // who asks is told
        kept.set(index, bytes)
      })
    }
    const bytes = kept.get(part)!
    kept.delete(part)
    return bytes
  }
  const constants = derivation.parts.map(({ dtype, shape }, part): Constant => ({ dtype, shape, byteLength: byteLength(dtype, shape), bytes: () => take(part) }))
  constants.forEach((constant, part) => origins.set(constant, { derivation, part, together: constants }))
  return constants
}

/** Numbers in a piece of work: some 50 ms. */
const PIECE = 2 ** 22

/** Some rows of a matrix: work for one thread. */
export interface Piece {
  readonly firstRow: number
  readonly rows: number
  /** Where in each part its result begins, in bytes. */
  readonly offsets: readonly number[]
  /** How long each part of its result is, in bytes. */
  readonly lengths: readonly number[]
}

/** How a derivation is divided among threads: rows that become rows can be told apart, others cannot. */
export function piecesOf({ weight, axis, recipe, transpose, parts }: Derivation): readonly Piece[] {
  const [rows, columns] = weight.shape as readonly [number, number]
  const lengths = parts.map(({ dtype, shape }) => byteLength(dtype, shape))
  const divisible = axis === 0 && transpose !== true && recipe.kind !== 'channels'
  const most = divisible ? Math.max(1, Math.floor(PIECE / columns)) : rows
  return Array.from({ length: Math.ceil(rows / most) }, (_, index) => {
    const firstRow = index * most
    const count = Math.min(most, rows - firstRow)
    return { firstRow, rows: count, offsets: lengths.map((length) => (length / rows) * firstRow), lengths: lengths.map((length) => (divisible ? (length / rows) * count : length)) }
  })
}

/** Where a piece is to be written: the file, and where in it each part of the whole begins. */
interface Target {
  readonly path: string
  readonly offsets: readonly number[]
}

/** Makes the pieces of a derivation, its weight read once; where this lies in a file, the threads read it themselves. */
export async function reader(derivation: Derivation): Promise<(piece: Piece, target?: Target, signal?: AbortSignal) => Promise<Outcome>> {
  const { recipe, weight, axis, transpose = false } = derivation
  const source = storedOf(weight)
  const columns = weight.shape[1]!
  const width = source.dtype === 'float32' ? 4 : 2
  const inputScales = await derivation.inputScales?.()
  const bytes = source.file === undefined ? await source.bytes() : undefined
  return (piece, target, signal) => {
    const start = piece.firstRow * columns * width
    const job: Job = {
      recipe,
      source: bytes === undefined ? { path: source.file!.path, offset: source.file!.offset + start } : { bytes: bytes.slice(start, start + piece.rows * columns * width) },
      dtype: source.dtype as Job['dtype'],
      rows: piece.rows,
      columns,
      axis,
      transpose,
      inputScales,
      target: target && { path: target.path, offsets: target.offsets.map((offset, part) => offset + piece.offsets[part]!) },
    }
    return perform(job, signal).catch(async (error: unknown) => {
      throw error instanceof Error && error.message === NOT_FINITE ? await notFinite(source) : error
    })
  }
}

const narrow: ReadonlySet<NumericType> = new Set(['float16', 'bfloat16'])

/** The weight as it is stored, where that is narrower: less to read, and to pass on. */
export const storedOf = (weight: Constant): Constant => (weight.stored !== undefined && narrow.has(weight.stored.dtype) ? weight.stored : weight)

async function compute(derivation: Derivation): Promise<readonly Uint8Array[]> {
  const make = await reader(derivation)
  const pieces = piecesOf(derivation)
  if (pieces.length === 1) return (await make(pieces[0]!)).parts
  const whole = derivation.parts.map(({ dtype, shape }) => new Uint8Array(byteLength(dtype, shape)))
  await Promise.all(
    pieces.map(async (piece) => {
      const { parts } = await make(piece)
      parts.forEach((part, index) => whole[index]!.set(part, piece.offsets[index]!))
    }),
  )
  return whole
}
