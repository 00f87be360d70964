import { MissingFileError, NoSuchHeadError, type Checkpoint, type Graph } from '@tenon/core'
import { verify } from '@tenon/graph'
import { readOnnx } from '@tenon/graph/onnx'

/**
 * The graph of a checkpoint that was exported before.
 * @throws NoSuchHeadError when it has other outputs than the head's.
 */
export async function readExported(checkpoint: Checkpoint, head: string, outputs: readonly string[]): Promise<Graph> {
  const file = checkpoint.graph
  if (file === undefined) {
    throw new MissingFileError({ path: `${checkpoint.reference}/model.safetensors`, purpose: 'there is no exported graph either, such as onnx/model.onnx', remedy: 'Fetch the weights too' })
  }
  const graph = verify(await readOnnx(await checkpoint.path(file)))
  if (!outputs.some((output) => graph.outputs.some(({ name }) => name === output))) {
    throw new NoSuchHeadError({ family: `${checkpoint.reference}/${file}`, head, available: graph.outputs.map(({ name }) => `the one that makes ${name}`) })
  }
  return graph
}
