import type { Checkpoint, Model } from '@tenon/core'
import { layersIn, optionIn, sizeIn } from './config.js'
import { defineDecoder } from './decoder.js'
import { llamaConfig, logits, type LlamaConfig } from './llama.js'
import { spelledUnder } from './weights.js'
import { listedWindows, type Windows } from './windows.js'

/**
 * Qwen2, Qwen2.5 and Qwen2.5-Coder (Yang et al. 2024): a Llama whose queries, keys and values have biases, and in which some layers may see
 * a window.
 * @example
 * const { decoder } = await qwen2().build(checkpoint, { head: 'causal-lm' })
 */
export const qwen2 = (): Model<'qwen2'> => defineDecoder({ name: 'qwen2', config, logits, maxLength: ({ rotary }) => rotary.positions, spellings: spelledUnder('model') })

function config(checkpoint: Checkpoint): LlamaConfig {
  return llamaConfig(checkpoint, { biases: { projections: true, output: false, mlp: false }, windows: windowsIn(checkpoint), positions: 32_768 })
}

/** Whether a layer has a window where the config does not list them: from `max_window_layers` on. */
const late = (layer: number, from: number): boolean => layer >= from

/**
 * What each layer of a Qwen sees: as `layer_types` lists them, or as `max_window_layers` tells. There are no windows unless `use_sliding_window` says so.
 * @throws InvalidFileError where the layers listed are not the model's, or have a window of no size.
 */
export function windowsIn(checkpoint: Checkpoint, isNear = late): Windows {
  const isUsed = optionIn<boolean>(checkpoint, 'use_sliding_window', false) && checkpoint.config['sliding_window'] !== null
  const window = isUsed ? sizeIn(checkpoint, 'sliding_window', 4096) : undefined
  const listed = listedWindows(checkpoint, window, 'use_sliding_window and sliding_window')
  if (listed !== undefined) return listed
  const from = optionIn<number>(checkpoint, 'max_window_layers', 28)
  return Array.from({ length: layersIn(checkpoint) }, (_, layer) => (isNear(layer, from) ? window : undefined))
}
