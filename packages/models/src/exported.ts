import { InvalidFileError, NoSuchHeadError, type Model } from '@tenon/core'
import { readExported, type HeadOutputs } from './read-exported.js'

/** What `transformers` and its exporters name the outputs of each head. */
const heads: HeadOutputs = {
  base: ['last_hidden_state', 'pooler_output?'],
  'masked-lm': ['logits'],
  'sequence-classification': ['logits'],
  'token-classification': ['logits'],
  'question-answering': ['start_logits', 'end_logits'],
  'multiple-choice': ['logits'],
}

/**
 * A family of which only exported graphs are read: the `.onnx` file of a checkpoint is the model, whatever it computes.
 * The graph has the head it was exported with, which its outputs tell; heads with the output `logits` are not told apart.
 * Where a checkpoint holds weights too, ask its source for a variant, such as `'fp32'`.
 *
 * `build` throws NoSuchHeadError for a head that the graph is not, and InvalidFileError for a checkpoint opened by its weights.
 * @param modelType The `model_type` of the configs, such as `'mpnet'`.
 * @example
 * const runtime = createRuntime({ plugins: [files(), onnx(), exported('mpnet'), embedding()] })
 */
export const exported = <Name extends string>(modelType: Name): Model<Name> => ({
  kind: 'model',
  version: 'v1',
  name: modelType,
  heads: Object.keys(heads),
  async build(checkpoint, { head }) {
    if (!Object.hasOwn(heads, head)) throw new NoSuchHeadError({ family: modelType, head, available: Object.keys(heads) })
    if (checkpoint.constants.size > 0 && checkpoint.graph === undefined) {
      throw new InvalidFileError({ path: checkpoint.reference, problem: `was opened by its weights, and '${modelType}' is only read from exported graphs`, remedy: "Ask the source for a variant that is there, such as 'fp32'; or export the model first" })
    }
    return { model: await readExported(checkpoint, head, heads) }
  },
})
