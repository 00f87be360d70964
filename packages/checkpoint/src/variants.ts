import { InvalidFileError, InvalidOptionError, MissingFileError } from '@tenon/core'
import { join } from 'node:path'
import { ggufModels, isGguf, isQuantisedAs, partNames } from './gguf/gguf-names.js'
import { safetensorsFile, safetensorsIndex } from './weights.js'

/** How the numbers of an exported graph are stored. The names are those of transformers.js, and of its files. */
type GraphVariant = 'fp32' | 'fp16' | 'q8' | 'int8' | 'uint8' | 'q4' | 'q4f16' | 'bnb4'

/** How llama.cpp's `llama-quantize` stored a GGUF file, by the part of its name. */
const ggufVariants = ['F32', 'F16', 'BF16', 'Q4_0', 'Q4_1', 'Q4_K', 'Q4_K_S', 'Q4_K_M', 'Q5_0', 'Q5_1', 'Q5_K', 'Q5_K_S', 'Q5_K_M', 'Q6_K', 'Q8_0'] as const

/** An exported graph, by how its numbers are stored; or a GGUF file, by that or by its name. */
export type Variant = GraphVariant | (typeof ggufVariants)[number] | `${string}.gguf`

/**
 * The files of each variant, without `.onnx`, in the order in which variants are taken where none is asked for: full
 * precision, then 8 bits, which every backend runs; float16 computes slowly on most processors; 4 bits lose most.
 * optimum writes `model_optimized`, the same numbers with fused operators.
 */
const graphNames: ReadonlyMap<string, readonly string[]> = new Map<GraphVariant, readonly string[]>([
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

/** What stands for the model: weights, an exported graph, or the first file of a GGUF model. `undefined` where there are only `.onnx` files of other names. */
export type ChosenModel = { readonly weights: string } | { readonly graph: string } | { readonly gguf: string } | undefined

/**
 * The file that stands for the model. Without a variant, its safetensors; where there are none, the first graph in the
 * order of precision; where there is none either, its GGUF file. With a variant, that graph or GGUF file, whatever else there is.
 * @param place Folder or address, for messages.
 * @throws MissingFileError where no graph of this variant is held, or no model at all.
 * @throws InvalidFileError where the weights are pickled, or where several GGUF models are held and none is named.
 */
export function chooseModel(place: string, files: ReadonlySet<string>, variant: Variant | undefined): ChosenModel {
  const models = ggufModels(files)
  if (variant !== undefined && !graphNames.has(variant)) return { gguf: ggufOf(place, models, variant) }
  if (variant !== undefined) return { graph: graphOf(files, variant) ?? missingVariant(place, files, variant) }
  const weights = [safetensorsFile, safetensorsIndex].find((file) => files.has(file))
  if (weights !== undefined) return { weights }
  const graph = held(files).map((each) => graphOf(files, each))[0]
  if (graph !== undefined) return { graph }
  if (models.length > 1) throw new InvalidFileError({ path: place, problem: `holds several GGUF models: ${listed(models)}`, remedy: `Name one of them: its path, or the variant '${models[0]!}'` })
  if (models[0] !== undefined) return { gguf: models[0] }
  requireModel(place, files)
  return undefined
}

/** Names that an error lists. */
const listed = (names: readonly string[]) => (names.length <= 20 ? names.join(', ') : `${names.slice(0, 20).join(', ')} and ${names.length - 20} others`)

/** The GGUF model of this name, or stored like this. */
function ggufOf(place: string, models: readonly string[], variant: Variant): string {
  const found = isGguf(variant) ? models.filter((file) => file === variant || partNames(variant).includes(file)) : models.filter((file) => isQuantisedAs(file, variant))
  if (found.length === 1) return found[0]!
  if (found.length > 1) throw new InvalidFileError({ path: place, problem: `holds several GGUF models stored as ${variant}: ${listed(found)}`, remedy: `Name one of them: the variant '${found[0]!}'` })
  throw new MissingFileError({
    path: join(place, isGguf(variant) ? variant : `*${variant}.gguf`),
    purpose: models.length === 0 ? 'no other GGUF file does' : `the GGUF files here are ${listed(models)}`,
    remedy: models.length === 0 ? 'Leave the variant out, to take what there is' : 'Ask for one of those',
  })
}

const graphOf = (files: ReadonlySet<string>, variant: Variant) =>
  graphNames
    .get(variant)
    ?.flatMap((name) => graphFolders.map((folder) => `${folder}${name}.onnx`))
    .find((file) => files.has(file))

const held = (files: ReadonlySet<string>) => ([...graphNames.keys()] as GraphVariant[]).filter((variant) => graphOf(files, variant) !== undefined)

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
    purpose: `there is no ${safetensorsIndex} and no .onnx or .gguf file either`,
    remedy: 'Fetch the whole model: config.json, model.safetensors or an .onnx file, and tokenizer.json; or a .gguf file',
  })
}

/** A graph's own file and those that hold its weights: `model.onnx_data`, `model.onnx_data_1`, `model.onnx.data`. */
export function graphFiles(files: ReadonlySet<string>, graph: string): string[] {
  return [graph, ...[...files].filter((file) => file.startsWith(graph) && /^[._]data(_\d+)?$/.test(file.slice(graph.length)))]
}

/**
 * The variant that a reference names, in whatever case: `q4_k_m`.
 * @throws InvalidOptionError
 */
export function variantNamed(where: string, name: string): Variant {
  const variant = ggufVariants.find((each) => each === name.toUpperCase()) ?? name
  checkVariant(where, variant)
  return variant as Variant
}

/** @throws InvalidOptionError */
export function checkVariant(where: string, variant: unknown): void {
  if (variant === undefined || (typeof variant === 'string' && (graphNames.has(variant) || isGguf(variant) || (ggufVariants as readonly string[]).includes(variant)))) return
  throw new InvalidOptionError({ where, option: 'variant', problem: `is ${JSON.stringify(variant)}`, remedy: `Known are: ${[...graphNames.keys(), ...ggufVariants].join(', ')}, and names of .gguf files` })
}
