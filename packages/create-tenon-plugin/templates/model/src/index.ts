import { InvalidFileError, NoSuchHeadError, WeightMismatchError, type Checkpoint, type Model } from '@tenon/core'
import { GraphBuilder, integers, type Value } from '@tenon/graph'
import { readOnnx } from '@tenon/graph/onnx'
import { Cast, Div, Gather, Gemm, MatMul, ReduceSum, Squeeze, Unsqueeze } from '@tenon/graph/ops'

/**
 * The model family `'plugin-name'`, by the `model_type` of its configs: a text is the mean of its words' embeddings, and a
 * linear layer tells its class, as in fastText (Joulin et al. 2016). Its graphs take `input_ids` and `attention_mask`,
 * int64, [batch, sequence].
 * @example
 * const runtime = createRuntime({ plugins: [pluginFunction(), files(), onnx(), textClassification()] })
 */
export function pluginFunction(): Model<'plugin-name'> {
  return {
    kind: 'model',
    version: 'v1',
    name: 'plugin-name',
    heads: Object.keys(heads),
    async build(checkpoint, { head }) {
      const emit = Object.hasOwn(heads, head) ? heads[head] : undefined
      if (emit === undefined) throw new NoSuchHeadError({ family: 'plugin-name', head, available: Object.keys(heads) })
      // Exported models hold their graph, and no weights of their own.
      if (checkpoint.constants.size === 0 && checkpoint.graph !== undefined) return { model: await readOnnx(await checkpoint.path(checkpoint.graph)) }
      const builder = new GraphBuilder('plugin-name')
      emit(builder, checkpoint, configOf(checkpoint))
      return { model: builder.build() }
    },
  }
}

interface Config {
  readonly vocabulary: number
  readonly hidden: number
  readonly labels: number
}

function configOf(checkpoint: Checkpoint): Config {
  const { id2label } = checkpoint.config
  const labels = typeof id2label === 'object' && id2label !== null ? Object.keys(id2label).length : 2
  return { vocabulary: sizeIn(checkpoint, 'vocab_size'), hidden: sizeIn(checkpoint, 'hidden_size'), labels }
}

/** What stands on top; inputs and outputs have the names that tasks look for. */
const heads: Readonly<Record<string, (builder: GraphBuilder, checkpoint: Checkpoint, config: Config) => void>> = {
  base(builder, checkpoint, config) {
    builder.output('last_hidden_state', words(builder, checkpoint, config).states)
  },
  'sequence-classification'(builder, checkpoint, config) {
    const { states, mask } = words(builder, checkpoint, config)
    const weight = parameter(builder, checkpoint, 'classifier.weight', [config.labels, config.hidden])
    const bias = parameter(builder, checkpoint, 'classifier.bias', [config.labels])
    builder.output('logits', Gemm(mean(states, mask), weight, bias, { transB: 1 })) // [batch, labels]
  },
}

function words(builder: GraphBuilder, checkpoint: Checkpoint, { vocabulary, hidden }: Config) {
  const ids = builder.input('input_ids', 'int64', ['batch', 'sequence'])
  const mask = builder.input('attention_mask', 'int64', ['batch', 'sequence']) // 0 where a token is padding
  return { states: Gather(parameter(builder, checkpoint, 'embeddings.weight', [vocabulary, hidden]), ids), mask } // [batch, sequence, hidden]
}

/** [batch, sequence, hidden] → [batch, hidden] */
function mean(states: Value, mask: Value): Value {
  const counts = Cast(mask, { to: 'float32' })
  const total = MatMul(Unsqueeze(counts, integers(states, [1])), states) // [batch, 1, hidden]
  return Div(Squeeze(total, integers(states, [1])), ReduceSum(counts, integers(states, [1])))
}

/** A weight, by its name in the checkpoint; its bytes stay where they lie. */
function parameter(builder: GraphBuilder, { constants, reference }: Checkpoint, name: string, shape: readonly number[]): Value {
  const constant = constants.get(name)
  if (constant?.shape.join() !== shape.join()) throw new WeightMismatchError({ reference, tensor: name, expected: shape, actual: constant?.shape })
  if (constant.dtype !== 'float32') throw new InvalidFileError({ path: reference, problem: `holds '${name}' as ${constant.dtype}`, remedy: 'Save it in float32' })
  return builder.constant(constant, name)
}

function sizeIn({ config, reference }: Checkpoint, key: string): number {
  const size = config[key]
  if (!Number.isInteger(size) || (size as number) < 1) throw new InvalidFileError({ path: `${reference}/config.json`, problem: `gives '${key}' as ${JSON.stringify(size)}`, remedy: 'Write the size that the weights have' })
  return size as number
}
