import { InvalidFileError } from '@tenon/core'
import type { Encoder } from '@tenon/checkpoint/encoder'

/** The output of a classifier's graph: [batch, labels]. */
export const LOGITS = 'logits'

/**
 * The names of a classifier's labels, `LABEL_n` where the config names none.
 * @throws InvalidFileError where the graph's scores are not one for each label.
 */
export function labelsOf({ graph, checkpoint: { config, reference } }: Pick<Encoder, 'graph' | 'checkpoint'>): readonly string[] {
  const logits = graph.outputs.find(({ name }) => name === LOGITS)
  const count = logits?.shape[1]
  if (logits?.dtype !== 'float32' || logits.shape.length !== 2 || typeof count !== 'number') {
    throw new InvalidFileError({ path: reference, problem: `has a graph that does not make '${LOGITS}', float32, [batch, labels], with a fixed number of labels`, remedy: 'Export it for sequence classification' })
  }
  const names = namesIn(config['id2label'])
  if (names !== undefined && names.size !== count) {
    throw new InvalidFileError({ path: `${reference}/config.json`, problem: `names ${names.size} labels in id2label, and the graph scores ${count}`, remedy: 'Use the config.json that belongs to this graph' })
  }
  return Array.from({ length: count }, (_, id) => names?.get(id) ?? `LABEL_${id}`)
}

function namesIn(id2label: unknown): ReadonlyMap<number, string> | undefined {
  if (typeof id2label !== 'object' || id2label === null) return undefined
  return new Map(Object.entries(id2label).map(([id, label]) => [Number(id), typeof label === 'string' ? label : `LABEL_${id}`]))
}
