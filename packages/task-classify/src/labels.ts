import { InvalidFileError } from '@tenon/core'
import { labelNames, type Encoder } from '@tenon/checkpoint/encoder'

/** The output of a classifier's graph: [batch, labels]. */
export const LOGITS = 'logits'

/**
 * The names of a classifier's labels, `LABEL_n` where the config names none.
 * @throws InvalidFileError where the graph's scores are not one for each label.
 */
export function labelsOf({ graph, checkpoint }: Pick<Encoder, 'graph' | 'checkpoint'>): readonly string[] {
  const logits = graph.outputs.find(({ name }) => name === LOGITS)
  const count = logits?.shape[1]
  if (logits?.dtype !== 'float32' || logits.shape.length !== 2 || typeof count !== 'number') {
    throw new InvalidFileError({ path: checkpoint.reference, problem: `has a graph that does not make '${LOGITS}', float32, [batch, labels], with a fixed number of labels`, remedy: 'Export it for sequence classification' })
  }
  return labelNames(checkpoint, count)
}
