import { InvalidFileError, type Executable, type ValueInfo } from '@tenon/core'

/** One of the tensors that a decoder's cache is made of: [batch, heads, capacity, size]. */
export interface CacheTensor {
  readonly name: string
  readonly heads: number
  readonly size: number
}

export interface CacheLayout {
  readonly tensors: readonly CacheTensor[]
  /** What one position of one sequence takes, over all layers. */
  readonly bytesPerPosition: number
}

/** What a decoder reads besides its cache. */
const inputs = { input_ids: { dtype: 'int64', rank: 2 }, lengths: { dtype: 'int32', rank: 1 }, logit_positions: { dtype: 'int64', rank: 1 } } as const

/**
 * The cache that a decoder wants fed.
 * @throws InvalidFileError where it is no decoder that updates its cache.
 */
export function cacheLayout(executable: Pick<Executable, 'inputs' | 'outputs'>, reference: string): CacheLayout {
  const fail = (problem: string): never => {
    throw new InvalidFileError({ path: reference, problem, remedy: "Use a family that has the head 'causal-lm'" })
  }
  for (const [name, { dtype, rank }] of Object.entries(inputs)) {
    const input = executable.inputs.find((each) => each.name === name)
    if (input?.dtype !== dtype || input.shape.length !== rank) fail(`has a decoder without the input '${name}', ${dtype} of rank ${rank}`)
  }
  if (!executable.outputs.some(({ name }) => name === 'logits')) fail("has a decoder without the output 'logits'")
  const tensors = executable.inputs.filter(({ name }) => !Object.hasOwn(inputs, name)).map((input) => cacheTensor(input, fail))
  if (tensors.length === 0) fail('has a decoder without a cache')
  const elements = tensors.reduce((sum, { heads, size }) => sum + heads * size, 0)
  return { tensors, bytesPerPosition: elements * Float32Array.BYTES_PER_ELEMENT }
}

function cacheTensor({ name, dtype, shape }: ValueInfo, fail: (problem: string) => never): CacheTensor {
  const [, heads, , size] = shape
  if (dtype !== 'float32' || shape.length !== 4 || typeof heads !== 'number' || typeof size !== 'number') {
    return fail(`has a decoder with the input '${name}', ${dtype} [${shape.join(', ')}], where a cache is float32 [batch, heads, capacity, size]`)
  }
  return { name, heads, size }
}
