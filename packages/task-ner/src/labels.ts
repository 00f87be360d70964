import { InvalidFileError, type Checkpoint, type Graph } from '@tenon/core'

/** The output of a token classifier's graph: [batch, sequence, labels]. */
export const LOGITS = 'logits'

/**
 * The names of the labels, `LABEL_n` where the config names none.
 * @throws InvalidFileError where the graph's scores are not one for each label.
 */
export function labelsOf({ config, reference }: Checkpoint, graph: Graph): readonly string[] {
  const logits = graph.outputs.find(({ name }) => name === LOGITS)
  const count = logits?.shape[2]
  if (logits?.shape.length !== 3 || typeof count !== 'number') {
    throw new InvalidFileError({ path: reference, problem: `has a graph that does not make '${LOGITS}', [batch, sequence, labels], with a fixed number of labels`, remedy: 'Export it for token classification' })
  }
  const names = config['id2label']
  const given = typeof names === 'object' && names !== null ? new Map(Object.entries(names).map(([id, name]) => [Number(id), String(name)])) : undefined
  if (given !== undefined && given.size !== count) {
    throw new InvalidFileError({ path: `${reference}/config.json`, problem: `names ${given.size} labels in id2label, and the graph scores ${count}`, remedy: 'Use the config.json that belongs to this graph' })
  }
  return Array.from({ length: count }, (_, id) => given?.get(id) ?? `LABEL_${id}`)
}
