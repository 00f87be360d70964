import type { Checkpoint, Model } from '@tenon/core'
import { layersIn, sizeIn } from './config.js'
import { defineDecoder } from './decoder.js'
import { llamaConfig, logits, type LlamaConfig } from './llama.js'
import { spelledUnder } from './weights.js'
import { listedWindows } from './windows.js'

/**
 * Mistral (Jiang et al. 2023): a Llama in which a token sees no more than the window of tokens before it, in the releases that have one;
 * with `layer_types` (Ministral), in the layers that these say.
 * @example
 * const { decoder } = await mistral().build(checkpoint, { head: 'causal-lm' })
 */
export const mistral = (): Model<'mistral'> => defineDecoder({ name: 'mistral', config, logits, maxLength: ({ rotary }) => rotary.positions, spellings: spelledUnder('model') })

function config(checkpoint: Checkpoint): LlamaConfig {
  // A window that is left out is that of the first release; one of null is none.
  const window = checkpoint.config['sliding_window'] === null ? undefined : sizeIn(checkpoint, 'sliding_window', 4096)
  return llamaConfig(checkpoint, {
    biases: { projections: false, output: false, mlp: false },
    windows: listedWindows(checkpoint, window, 'sliding_window') ?? Array.from({ length: layersIn(checkpoint) }, () => window),
    positions: 131_072,
  })
}
