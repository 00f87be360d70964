import type { Compressor, Graphs, Pass, PrepareContext } from '@tenon/core'
import { recallGraphs } from '../graphs/kept-graphs.js'
import { deferredGraph } from './deferred-graph.js'
import { settingsOf, type WeightOnlyOptions } from './options.js'
import { prepare } from './prepare.js'
import { tellStored } from './tell-stored.js'
import { weightOnlyPass } from './weight-only-pass.js'
import { tellWidened } from './wide-room.js'

/**
 * The compressor plugin `'weight-only'`: weights in 4, 8 or 16 bits, computed once and kept on disk, and activations as they are.
 * What decoders are run with, whose speed is how fast their weights can be read.
 * @param defaults Hold unless a task asks for something else.
 * @throws InvalidOptionError
 * @example
 * const runtime = createRuntime({ plugins: [files(), onnx(), qwen2(), codeGeneration(), weightOnly()] })
 * const complete = await runtime.task('code-generation', { model, compress: { name: 'weight-only', bits: 4 } })
 */
export function weightOnly(defaults: WeightOnlyOptions = {}): Compressor<'weight-only', WeightOnlyOptions> {
  settingsOf(defaults)
  const pass = (options: WeightOnlyOptions, role: string): Pass => {
    const settings = settingsOf({ ...defaults, ...options })
    const { name, apply } = weightOnlyPass(settings, role)
    return { name, apply: role === 'decoder' && settings.prefill === 'int8' ? (graph) => deferredGraph(() => apply(graph)) : apply }
  }
  /** Not so for a plugin made of this one, with a pass of its own: its graphs are not those of this one's passes. */
  const isThisOne = (plugin: { readonly pass: unknown } | undefined) => plugin?.pass === pass
  return {
    kind: 'compressor',
    version: 'v1',
    name: 'weight-only',
    pass,
    prepare(graphs, options, context) {
      const asked = { ...defaults, ...options }
      tell(asked, graphs, context)
      return prepare(graphs, settingsOf(asked), context, isThisOne(this))
    },
    async recall(options, context) {
      if (!isThisOne(this)) return undefined
      const asked = { ...defaults, ...options }
      const graphs = await recallGraphs(settingsOf(asked), context)
      if (graphs !== undefined) tell(asked, graphs, context)
      return graphs
    },
  }
}

/** What a user would want to know of these weights, at each start. */
function tell(asked: WeightOnlyOptions, graphs: Graphs, { checkpoint, emit }: PrepareContext): void {
  tellStored(checkpoint, asked.bits, emit)
  if (graphs['decoder'] !== undefined) tellWidened(checkpoint, settingsOf(asked), emit)
}

/**
 * The pass alone, for an export: weights are computed when they are written.
 * @param role Of a decoder, `'prefill'` for the graph that reads prompts.
 * @throws InvalidOptionError
 * @example
 * await writeOnnx(quantizeWeights({ bits: 4, blockSize: 128 }).apply(model), 'model/onnx/model_q4.onnx')
 */
export const quantizeWeights = (options: Omit<WeightOnlyOptions, 'cache' | 'cacheBytes'> = {}, role = 'model'): Pass => weightOnlyPass(settingsOf(options), role)
