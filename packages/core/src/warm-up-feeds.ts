import { allocate, type NumericType } from './data-type.js'
import { InvalidInputError } from './errors/invalid-input-error.js'
import type { Graph, ValueInfo } from './graph.js'
import { tensor, type HostTensor } from './tensor.js'

/** Sizes to measure with, by what their symbols are called: one text of everyday length. */
const usualSizes: Readonly<Record<string, number>> = { batch: 1, sequence: 128 }

/** A size of which nobody said how large it is. */
const UNKNOWN = 16

/**
 * Feeds that a graph can be timed with: masks are all ones, so that everything is computed, lengths those of texts that begin with this
 * run, a cache has room for these, and everything else is zero, which is a valid id, index and offset.
 * @throws InvalidInputError where an input takes strings.
 */
export const warmUpFeeds = ({ inputs }: Pick<Graph, 'inputs'>, sizes: Readonly<Record<string, number>>): Record<string, HostTensor> =>
  Object.fromEntries(inputs.map((input) => [input.name, feedOf(input, withUsual(sizes))]))

function withUsual(sizes: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const known = { ...usualSizes, ...sizes }
  return { capacity: known['sequence']!, ...known }
}

function feedOf({ name, dtype, shape }: ValueInfo, sizes: Readonly<Record<string, number>>): HostTensor {
  if (dtype === 'string') throw new InvalidInputError({ what: `the input '${name}'`, problem: 'takes strings', remedy: 'name the backend instead' })
  const concrete = shape.map((size) => (typeof size === 'number' ? size : sizeOf(size, sizes)))
  const values = allocate(dtype, concrete.reduce((product, size) => product * size, 1))
  if (/mask/i.test(name)) values.fill(ones[dtype] as never)
  if (name === 'lengths' && dtype === 'int32') values.fill(sizes['sequence'] as never)
  return tensor(dtype, concrete, values)
}

/** Exported graphs write `batch_size` and `sequence_length`. */
function sizeOf(symbol: string, sizes: Readonly<Record<string, number>>): number {
  const name = Object.hasOwn(sizes, symbol) ? symbol : Object.keys(sizes).find((known) => symbol.includes(known))
  return name === undefined ? UNKNOWN : sizes[name]!
}

/** A one, as the array of each type holds it. */
const ones: Readonly<Record<NumericType, number | bigint>> = {
  float64: 1, float32: 1, float16: 0x3c00, bfloat16: 0x3f80,
  int64: 1n, int32: 1, int16: 1, int8: 1, int4: 0x11,
  uint64: 1n, uint32: 1, uint16: 1, uint8: 1, uint4: 0x11,
  bool: 1,
}

/** ` of batch 1, sequence 128`: the sizes that a graph was timed with. */
export function describeSizes({ inputs }: Pick<Graph, 'inputs'>, sizes: Readonly<Record<string, number>>): string {
  const symbols = [...new Set(inputs.flatMap(({ shape }) => shape))].filter((size) => typeof size === 'string')
  return symbols.length === 0 ? '' : ` of ${symbols.map((symbol) => `${symbol} ${sizeOf(symbol, withUsual(sizes))}`).join(', ')}`
}
