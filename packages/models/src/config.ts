import { InvalidFileError, ShapeMismatchError, type Checkpoint } from '@tenon/core'

/** Of a config that says what cannot be, or what is not built here. */
export const malformed = ({ reference }: Checkpoint, problem: string, remedy: string): InvalidFileError => new InvalidFileError({ path: `${reference}/config.json`, problem, remedy })

/** A size of the architecture: a positive integer, at most 2³¹ − 1 or `most`. @throws InvalidFileError */
export function sizeIn(checkpoint: Checkpoint, key: string, otherwise?: number, most = 0x7fffffff): number {
  const value = checkpoint.config[key] ?? otherwise
  if (!Number.isInteger(value) || (value as number) < 1 || (value as number) > most) {
    throw malformed(checkpoint, `gives ${value === undefined ? 'no' : JSON.stringify(value)} '${key}'`, `Set '${key}' to the size that the weights have`)
  }
  return value as number
}

/** Thirty times as many layers as the deepest of published models. */
const MOST_LAYERS = 2 ** 12

/** The number of layers, for each of which something is made before a weight is looked for. @throws InvalidFileError */
export const layersIn = (checkpoint: Checkpoint, key = 'num_hidden_layers', otherwise?: number): number => sizeIn(checkpoint, key, otherwise, MOST_LAYERS)

/** Over a hundred times as wide as the heads of published models (512 at most). */
const WIDEST_HEAD = 2 ** 16

/** The size of an attention head as the config gives it, for which angles are computed before a weight is looked for. @throws InvalidFileError */
export const headSizeIn = (checkpoint: Checkpoint): number => sizeIn(checkpoint, 'head_dim', undefined, WIDEST_HEAD)

/** A token's id. @throws InvalidFileError */
export function idIn(checkpoint: Checkpoint, key: string, otherwise: number): number {
  const value = checkpoint.config[key] ?? otherwise
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > 0x7fffffff) throw malformed(checkpoint, `gives '${key}' as ${JSON.stringify(value)}`, 'Write the id of a token')
  return value as number
}

/**
 * The size of an attention head: the hidden size, shared out.
 * @throws ShapeMismatchError where that is no multiple of `of`.
 */
export function headSize(hidden: number, heads: number, of = 1): number {
  if (hidden % (heads * of) !== 0) throw new ShapeMismatchError({ op: 'MultiHeadAttention', expected: `a hidden size that ${heads} heads share${of === 1 ? '' : ` in parts of ${of}`}`, actual: [hidden] })
  return hidden / heads
}

/** @throws InvalidFileError when the key holds another type. */
export function optionIn<T extends string | number | boolean>(checkpoint: Checkpoint, key: string, otherwise: T): T {
  const value = checkpoint.config[key]
  if (value === undefined || value === null) return otherwise
  if (typeof value !== typeof otherwise) throw malformed(checkpoint, `gives '${key}' as ${JSON.stringify(value)}`, `Write it as a ${typeof otherwise}`)
  return value as T
}

/** Number of classes: the config's labels, `num_labels`, or 2, as in `transformers`. */
export function labelCount(checkpoint: Checkpoint): number {
  const { id2label, num_labels: count } = checkpoint.config
  if (typeof id2label === 'object' && id2label !== null) return Object.keys(id2label).length
  return count === undefined ? 2 : sizeIn(checkpoint, 'num_labels')
}

/**
 * Refuses a setting that changes the computation and is not built here, rather than computing something else.
 * @throws InvalidFileError
 */
export function only(checkpoint: Checkpoint, key: string, supported: string | boolean): void {
  const value = checkpoint.config[key] ?? supported
  if (value !== supported) throw malformed(checkpoint, `sets '${key}' to ${JSON.stringify(value)}`, `Only ${JSON.stringify(supported)} is built for this family`)
}
