import { InvalidFileError, type Checkpoint, type Graph } from '@tenon/core'
import { labelNames } from '@tenon/checkpoint/encoder'

/** The output of a token classifier's graph: [batch, sequence, labels]. */
export const LOGITS = 'logits'

/**
 * The names of the labels, `LABEL_n` where the config names none.
 * @throws InvalidFileError where the graph's scores are not one for each label.
 */
export function labelsOf(checkpoint: Checkpoint, graph: Graph): readonly string[] {
  const logits = graph.outputs.find(({ name }) => name === LOGITS)
  const count = logits?.shape[2]
  if (logits?.shape.length !== 3 || typeof count !== 'number') {
    throw new InvalidFileError({ path: checkpoint.reference, problem: `has a graph that does not make '${LOGITS}', [batch, sequence, labels], with a fixed number of labels`, remedy: 'Export it for token classification' })
  }
  return labelNames(checkpoint, count)
}
