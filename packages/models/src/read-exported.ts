import { InvalidFileError, MissingFileError, NoSuchHeadError, type Checkpoint, type DataType, type Graph } from '@tenon/core'
import { extend, verify } from '@tenon/graph'
import { readOnnx } from '@tenon/graph/onnx'
import { Cast } from '@tenon/graph/ops'

/** The outputs of each head, by their names in `transformers`; a `?` behind one marks what some graphs lack. */
export type HeadOutputs = Readonly<Record<string, readonly string[]>>

/**
 * The graph of a checkpoint that was exported before, with outputs in float32.
 * @throws NoSuchHeadError when it has other outputs than the head's.
 * @throws InvalidFileError when its outputs are no head's, or it wants inputs in 16 bits.
 */
export async function readExported(checkpoint: Checkpoint, head: string, heads: HeadOutputs): Promise<Graph> {
  const file = checkpoint.graph
  if (file === undefined) {
    throw new MissingFileError({ path: `${checkpoint.reference}/model.safetensors`, purpose: 'there is no exported graph either, such as onnx/model.onnx', remedy: 'Fetch the weights too' })
  }
  const place = `${checkpoint.reference}/${file}`
  const graph = asHere(verify(await readOnnx(await checkpoint.path(file))), place)
  const made = new Set(graph.outputs.map(({ name }) => name))
  const fitting = Object.keys(heads).filter((each) => heads[each]!.every((output) => output.endsWith('?') || made.has(output)))
  if (fitting.length === 0) throw new InvalidFileError({ path: place, problem: `has the outputs ${[...made].join(', ')}, and no head has these`, remedy: `Export it with the names that transformers gives them: ${[...new Set(Object.values(heads).flat())].map((name) => name.replace('?', '')).join(', ')}` })
  if (!fitting.includes(head)) throw new NoSuchHeadError({ family: place, head, available: fitting })
  return graph
}

const isNarrow = ({ dtype }: { readonly dtype: DataType }) => dtype === 'float16' || dtype === 'bfloat16'

/** Exports of sentence-transformers models have names of their own. */
const named: Readonly<Record<string, string>> = { token_embeddings: 'last_hidden_state' }

/** Whoever reads outputs reads float32, under the names of `transformers`, whatever the graph computes in and calls them. */
function asHere(graph: Graph, place: string): Graph {
  const input = graph.inputs.find(isNarrow)
  if (input !== undefined) throw new InvalidFileError({ path: place, problem: `takes its input '${input.name}' as ${input.dtype}, which nobody here makes`, remedy: 'Convert it again with inputs and outputs left in float32 (keep_io_types in the ONNX tools)' })
  if (!graph.outputs.some((output) => isNarrow(output) || Object.hasOwn(named, output.name))) return graph
  const { builder, values } = extend(graph)
  const outputs = graph.outputs.map((output) => {
    const name = named[output.name] ?? output.name
    const value = values.get(output.name)!
    builder.output(name, isNarrow(output) ? Cast(value, { to: 'float32' }) : value)
    // Exporters know sizes that inference does not: what they declared stays.
    return Object.freeze({ ...output, name, ...(isNarrow(output) && { dtype: 'float32' as const }) })
  })
  return Object.freeze({ ...builder.build(), outputs: Object.freeze(outputs) })
}
