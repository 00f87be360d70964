import { InvalidFileError, type Checkpoint } from '@tenon/core'

const complain = (checkpoint: Checkpoint, problem: string, remedy: string): never => {
  throw new InvalidFileError({ path: `${checkpoint.reference}/config.json`, problem, remedy })
}

/** A size of the architecture: a positive integer, at most 2³¹ − 1. @throws InvalidFileError */
export function sizeIn(checkpoint: Checkpoint, key: string): number {
  const value = checkpoint.config[key]
  if (!Number.isInteger(value) || (value as number) < 1 || (value as number) > 0x7fffffff) {
    complain(checkpoint, `gives ${value === undefined ? 'no' : JSON.stringify(value)} '${key}'`, `Set '${key}' to the size that the weights have`)
  }
  return value as number
}

/** @throws InvalidFileError when the key holds another type. */
export function optionIn<T extends string | number | boolean>(checkpoint: Checkpoint, key: string, otherwise: T): T {
  const value = checkpoint.config[key]
  if (value === undefined || value === null) return otherwise
  if (typeof value !== typeof otherwise) complain(checkpoint, `gives '${key}' as ${JSON.stringify(value)}`, `Write it as a ${typeof otherwise}`)
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
  if (value !== supported) complain(checkpoint, `sets '${key}' to ${JSON.stringify(value)}`, `Only ${JSON.stringify(supported)} is built for this family`)
}
