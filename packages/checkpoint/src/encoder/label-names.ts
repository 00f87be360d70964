import { InvalidFileError, type Checkpoint } from '@tenon/core'

/**
 * The names of a classifier's labels, in the order of its scores: `LABEL_n` for those that the config does not name.
 * @param count How many labels the graph scores.
 * @throws InvalidFileError where the config names another number of them.
 */
export function labelNames({ config, reference }: Pick<Checkpoint, 'config' | 'reference'>, count: number): readonly string[] {
  const named = config['id2label']
  const names = typeof named === 'object' && named !== null ? new Map(Object.entries(named).map(([id, name]) => [Number(id), name === null ? undefined : String(name)])) : undefined
  if (names !== undefined && names.size !== count) {
    throw new InvalidFileError({ path: `${reference}/config.json`, problem: `names ${names.size} labels in id2label, and the graph scores ${count}`, remedy: 'Use the config.json that belongs to this graph' })
  }
  return Array.from({ length: count }, (_, id) => names?.get(id) ?? `LABEL_${id}`)
}
