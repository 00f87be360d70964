import { realpath, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Checkpoint, Graphs } from '@tenon/core'
import { checkReference } from '../check-reference.js'
import { printJson, progressFor, type CommonOptions, type Context } from '../context.js'
import { exitCodes } from '../exit-codes.js'
import type { Activations } from '../open-decoder.js'
import { modelPlugins } from '../plugins.js'
import { bytes, duration } from '../units.js'
import { usualHead } from '../usual-head.js'

/** The formats of weights that are worth keeping, by the names users know. */
const bitsOf = { int4: 4, int8: 8, fp16: 16 } as const
type KeptFormat = keyof typeof bitsOf
export const keptFormats = Object.keys(bitsOf) as readonly KeptFormat[]

export interface PrepareOptions extends CommonOptions {
  readonly weights: KeptFormat
  readonly block?: 32 | 128
  readonly head?: string
  /** What the weights will be multiplied by. */
  readonly activations?: Activations
  /** Keeps no second form of the weights for prompts. */
  readonly small?: boolean
}

/** `tenon prepare <model> --weights int4`: quantises now what would be quantised when the model is first run. */
export async function prepareCommand(context: Context, model: string, options: PrepareOptions): Promise<number> {
  const { out, signal } = context
  const { weights, block, small = false, activations, head: wanted } = options
  using progress = progressFor(context, options)
  const began = performance.now()
  progress.stage('opening the model')
  await checkReference(model)
  const [{ createRuntime }, { weightOnly }, { decoders }, models, { decoderGraphs }] = await Promise.all([import('@tenon/core'), import('@tenon/compress'), import('@tenon/models'), modelPlugins(), import('@tenon/generation')])
  const runtime = createRuntime({ plugins: [...models, ...decoders(), weightOnly()] })
  try {
    runtime.on('progress', progress.update)
    runtime.on('notice', ({ message }) => progress.note(message))
    const checkpoint = await runtime.checkpoint(model, { signal })
    try {
      const compress = { name: 'weight-only', bits: bitsOf[weights], ...(block !== undefined && { blockSize: block }), ...(small && { prefill: 'same' as const }), ...(activations !== undefined && { activations }) } as const
      const head = wanted ?? (await usualHead(checkpoint.config, runtime.plugins.models))
      const { graphs } = await runtime.build(checkpoint, { ...(head === decoderGraphs.head ? decoderGraphs : { head }), compress, signal })
      await checkpoint.tokenizer().catch(() => undefined) // is kept too, where there is one and it is large
      const files = await Promise.all((await keptFiles(graphs, checkpoint)).map(async (path) => ({ path, bytes: (await stat(path)).size })))
      const milliseconds = performance.now() - began
      progress.clear()
      if (options.json) await printJson(context, { model, weights, files, milliseconds })
      else if (files.length === 0) await out.print(`Nothing is kept for ${model}: its weights are run as they lie, or could not be kept`)
      else await out.print(...files.map((file) => `${out.colors.green('✓')} ${out.colors.bold(file.path)}`), out.colors.dim(`${model} in ${weights}: ${bytes(files.reduce((sum, file) => sum + file.bytes, 0))} in ${duration(milliseconds)}`))
      return exitCodes.done
    } finally {
      await checkpoint[Symbol.asyncDispose]()
    }
  } finally {
    await runtime.dispose()
  }
}

/** Files that weights lie in, and that are none of the checkpoint's: an exported graph has its weights beside it. */
async function keptFiles(graphs: Graphs, checkpoint: Checkpoint): Promise<readonly string[]> {
  const { constants, graph: exported } = checkpoint
  const own = new Set(Array.from(constants.values(), ({ file }) => file?.path))
  const beside = exported === undefined ? undefined : dirname(await realpath(await checkpoint.path(exported)))
  const all = Object.values(graphs).flatMap((graph) => Array.from(graph.constants.values(), ({ file }) => file?.path))
  return Array.from(new Set(all.filter((path) => path !== undefined && !own.has(path) && !(beside !== undefined && dirname(path) === beside)))) as string[]
}
