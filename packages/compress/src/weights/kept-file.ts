import { createHash } from 'node:crypto'
import { byteLength, type Constant, type NumericType } from '@tenon/core'
import type { Derivation } from './derive.js'

/** Weights that are made together, and the names of the tensors they are kept as: derived, or computed by themselves. */
export type Entry = DerivedEntry | ComputedEntry

export interface DerivedEntry {
  readonly derivation: Derivation
  readonly names: readonly string[]
}

export interface ComputedEntry {
  readonly constant: Constant
  readonly names: readonly [string]
}

/** The tensors of a file: what it has to hold to be the one that is meant. */
export interface Tensor {
  readonly name: string
  readonly dtype: NumericType
  readonly shape: readonly number[]
  readonly byteLength: number
}

/** A stretch of the data, and what its bytes add up to. */
interface Stretch {
  readonly begin: number
  readonly end: number
}

const typeNames: Readonly<Partial<Record<NumericType, string>>> = { float32: 'F32', float16: 'F16', uint8: 'U8', int8: 'I8' }

/** Whether numbers of a type can be kept. */
export const isKeepable = (dtype: NumericType): boolean => Object.hasOwn(typeNames, dtype)

const partsOf = (entry: Entry): readonly Pick<Constant, 'dtype' | 'shape'>[] => ('derivation' in entry ? entry.derivation.parts : [entry.constant])

/** The tensors of an entry that are run from where they lie: floats as they are run, and matrices of bytes. */
export function runInPlace(entry: Entry): readonly string[] {
  const kind = 'derivation' in entry ? entry.derivation.recipe.kind : undefined
  return kind === 'wide' || kind === 'channels' ? entry.names.slice(0, 1) : []
}

export const tensorsOf = (entries: readonly Entry[]): readonly Tensor[] =>
  entries.flatMap((entry) => partsOf(entry).map(({ dtype, shape }, part) => ({ name: entry.names[part]!, dtype, shape, byteLength: byteLength(dtype, shape) })))

/** Bytes that are read, or else computed, to make an entry, for telling how far the work is. */
export function sourceBytes(entry: Entry): number {
  if ('constant' in entry) return entry.constant.byteLength
  const { weight } = entry.derivation
  return (weight.stored ?? weight).byteLength
}

export const FORMAT = 'tenon weights 1'

interface Sums {
  readonly key: string
  readonly stretches: readonly Stretch[]
  readonly checksums: ReadonlyMap<number, number>
}

/** As long whatever the checksums are. */
export function headerOf(tensors: readonly Tensor[], places: ReadonlyMap<string, number>, { key, stretches, checksums }: Sums): Uint8Array {
  const sums = stretches.map(({ begin }) => checksums.get(begin)!.toString(16).padStart(8, '0')).join('')
  const metadata = { format: FORMAT, key, stretches: stretches.map(({ end }) => end).join(), checksums: sums }
  const json = Object.fromEntries(tensors.map(({ name, dtype, shape, byteLength }) => [name, { dtype: typeNames[dtype]!, shape, data_offsets: [places.get(name)!, places.get(name)! + byteLength] }]))
  const text = Buffer.from(JSON.stringify({ __metadata__: metadata, ...json }))
  const padded = Math.ceil((8 + text.byteLength) / 64) * 64 - 8
  const header = Buffer.alloc(8 + padded, ' ')
  header.writeBigUInt64LE(BigInt(padded))
  text.copy(header, 8)
  return header
}

/** A short name for whatever tells one file from another. */
export const digestOf = (facts: unknown): string => createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 40)
