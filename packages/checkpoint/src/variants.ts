import { InvalidFileError, InvalidOptionError, MissingFileError } from '@tenon/core'
import { join } from 'node:path'
import { safetensorsFile, safetensorsIndex } from './weights.js'

/** How the numbers of an exported graph are stored. The names are those of transformers.js, and of its files. */
export type Variant = 'fp32' | 'fp16' | 'q8' | 'int8' | 'uint8' | 'q4' | 'q4f16' | 'bnb4'

/**
 * The files of each variant, without `.onnx`, in the order in which variants are taken where none is asked for: full
 * precision, then 8 bits, which every backend runs; float16 computes slowly on most processors; 4 bits lose most.
 * optimum writes `model_optimized`, the same numbers with fused operators.
 */
const graphNames: ReadonlyMap<Variant, readonly string[]> = new Map<Variant, readonly string[]>([
  ['fp32', ['model', 'model_optimized']],
  ['q8', ['model_quantized']],
  ['int8', ['model_int8']],
  ['uint8', ['model_uint8']],
  ['fp16', ['model_fp16']],
  ['q4', ['model_q4']],
  ['q4f16', ['model_q4f16']],
  ['bnb4', ['model_bnb4']],
])

/** Where exporters put graphs: transformers.js, and optimum. */
const graphFolders = ['onnx/', '']

/** What stands for the model: weights, or an exported graph. `undefined` where there are only `.onnx` files of other names. */
export type ChosenModel = { readonly weights: string } | { readonly graph: string } | undefined

/**
 * The file that stands for the model. Without a variant, its safetensors; where there are none, the first graph in the
 * order of precision. With a variant, that graph, whatever else there is.
 * @param place Folder or address, for messages.
 * @throws MissingFileError where no graph of this variant is held, or no model at all.
 * @throws InvalidFileError where the weights are pickled.
 */
export function chooseModel(place: string, files: ReadonlySet<string>, variant: Variant | undefined): ChosenModel {
  if (variant !== undefined) return { graph: graphOf(files, variant) ?? missingVariant(place, files, variant) }
  const weights = [safetensorsFile, safetensorsIndex].find((file) => files.has(file))
  if (weights !== undefined) return { weights }
  const graph = held(files).map((each) => graphOf(files, each))[0]
  if (graph === undefined) requireModel(place, files)
  return graph === undefined ? undefined : { graph }
}

const graphOf = (files: ReadonlySet<string>, variant: Variant) =>
  graphNames
    .get(variant)
    ?.flatMap((name) => graphFolders.map((folder) => `${folder}${name}.onnx`))
    .find((file) => files.has(file))

const held = (files: ReadonlySet<string>) => [...graphNames.keys()].filter((variant) => graphOf(files, variant) !== undefined)

function missingVariant(place: string, files: ReadonlySet<string>, variant: Variant): never {
  const others = held(files)
  throw new MissingFileError({
    path: join(place, `onnx/${graphNames.get(variant)![0]}.onnx`),
    purpose: others.length === 0 ? 'no other exported graph does' : `the variants here are ${others.join(', ')}`,
    remedy: others.length === 0 ? 'Leave the variant out, to take the weights' : `Ask for the variant ${others.join(' or ')}`,
  })
}

/** @throws where nothing among the files is a model that can be read. */
function requireModel(place: string, files: ReadonlySet<string>): void {
  const names = [...files]
  if (names.some((file) => file.endsWith('.onnx'))) return
  const pickled = names.find((file) => /\.(bin|pt|pth|ckpt)$/.test(file) && !file.endsWith('training_args.bin'))
  if (pickled !== undefined)
    throw new InvalidFileError({
      path: join(place, pickled),
      problem: 'holds pickled weights, which run code when they are read',
      remedy:
        'Take a revision of the model that has model.safetensors, or convert it where you trust the file: model.save_pretrained(folder, safe_serialization=True) in transformers',
    })
  throw new MissingFileError({
    path: join(place, safetensorsFile),
    purpose: `there is no ${safetensorsIndex} and no .onnx file either`,
    remedy: 'Fetch the whole model: config.json, model.safetensors or an .onnx file, and tokenizer.json',
  })
}

/** A graph's own file and those that hold its weights: `model.onnx_data`, `model.onnx_data_1`, `model.onnx.data`. */
export function graphFiles(files: ReadonlySet<string>, graph: string): string[] {
  return [graph, ...[...files].filter((file) => file.startsWith(graph) && /^[._]data(_\d+)?$/.test(file.slice(graph.length)))]
}

/** @throws InvalidOptionError */
export function checkVariant(where: string, variant: unknown): void {
  if (variant === undefined || graphNames.has(variant as Variant)) return
  throw new InvalidOptionError({ where, option: 'variant', problem: `is ${JSON.stringify(variant)}`, remedy: `Known are: ${[...graphNames.keys()].join(', ')}` })
}
