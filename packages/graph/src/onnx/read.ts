import { readFile, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { InvalidFileError, MissingFileError, type Constant, type Graph, type Operator } from '@tenon/core'
import { decodeModel } from './decode.js'
import { lift } from './lift.js'
import { embedded, locate } from './locate.js'

/** protobuf's own limit on one message. */
const LARGEST_MODEL = 2 ** 31 - 1

/**
 * Opens an `.onnx` file, of operator sets 7 to 26, as other tools write them: what older ones spell otherwise is read as
 * opset 21 says it, and functions are put in line. Weights stay where they lie, in the file itself or in external data
 * beside it, and are read when asked for.
 * `operators` are definitions of those that are not standard.
 * @throws MissingFileError; InvalidFileError, which names the node where one is at fault
 */
export async function readOnnx(path: string, { operators = [] }: { readonly operators?: readonly Operator[] } = {}): Promise<Graph> {
  const model = resolve(path)
  const file = await stat(model).catch((cause: unknown) => {
    throw new MissingFileError({ path, cause })
  })
  if (!file.isFile()) throw new InvalidFileError({ path, problem: 'is no file', remedy: 'Name the .onnx file itself' })
  if (file.size > LARGEST_MODEL) throw new InvalidFileError({ path, problem: `has ${file.size} bytes, and an ONNX model file holds at most ${LARGEST_MODEL}`, remedy: 'Keep its weights as external data' })
  const foreign = decodeModel(await readFile(model), model)
  const weights = new Map<string, Constant>()
  for (const tensor of foreign.graph.tensors) {
    if (tensor.name === '' || weights.has(tensor.name)) throw new InvalidFileError({ path, problem: tensor.name === '' ? 'holds a tensor without a name' : `holds two tensors named '${tensor.name}'` })
    weights.set(tensor.name, await locate(tensor, model))
  }
  return lift(foreign, { path: model, operators: new Map(operators.map((operator) => [operator.op, operator])), weights, embed: (tensor, atHand) => embedded(tensor, model, atHand) })
}
