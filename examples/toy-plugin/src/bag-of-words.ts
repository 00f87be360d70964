import { InvalidFileError, NoSuchHeadError, WeightMismatchError, type Model } from '@tenon/core'
import { GraphBuilder, integers } from '@tenon/graph'
import { readOnnx } from '@tenon/graph/onnx'
import { Gather, LayerNormalization, ReduceSum } from '@tenon/graph/ops'

const heads = ['text']

/**
 * The model family `'bag-of-words'`: a text is the normalised sum of its words' vectors, whatever their order. The row of the
 * padding is zeros, as PyTorch's `padding_idx` has it, so that no mask is needed. Its graph takes `input_ids`, int64,
 * [batch, sequence], and gives `text`, [batch, hidden].
 */
export function bagOfWords(): Model<'bag-of-words'> {
  return {
    kind: 'model',
    version: 'v1',
    name: 'bag-of-words',
    heads,
    async build(checkpoint, { head }) {
      const { config, constants, graph, reference } = checkpoint
      if (!heads.includes(head)) throw new NoSuchHeadError({ family: 'bag-of-words', head, available: heads })
      // Exported models hold their graph, and no weights of their own.
      if (constants.size === 0 && graph !== undefined) return { model: await readOnnx(await checkpoint.path(graph)) }
      const builder = new GraphBuilder('bag-of-words')
      const parameter = (name: string, ...shape: number[]) => {
        const constant = constants.get(name)
        if (constant?.shape.join() !== shape.join()) throw new WeightMismatchError({ reference, tensor: name, expected: shape, actual: constant?.shape })
        return builder.constant(constant, name)
      }
      const sizes = ['vocab_size', 'hidden_size'].map((key) => {
        const size = config[key]
        if (!Number.isInteger(size) || (size as number) < 1) throw new InvalidFileError({ path: `${reference}/config.json`, problem: `gives '${key}' as ${JSON.stringify(size)}`, remedy: 'Write the size that the weights have' })
        return size as number
      })
      const [vocabulary, hidden] = sizes as [number, number]
      const words = Gather(parameter('embeddings.weight', vocabulary, hidden), builder.input('input_ids', 'int64', ['batch', 'sequence'])) // [batch, sequence, hidden]
      const text = ReduceSum(words, integers(words, [1]), { keepdims: 0 }) // [batch, hidden]
      builder.output('text', LayerNormalization(text, parameter('norm.weight', hidden), parameter('norm.bias', hidden)))
      return { model: builder.build() }
    },
  }
}
