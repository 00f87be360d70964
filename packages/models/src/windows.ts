import type { Checkpoint } from '@tenon/core'
import { layersIn, malformed } from './config.js'

/** How many tokens a token sees in each layer, itself included; `undefined` where that is all. */
export type Windows = readonly (number | undefined)[]

/**
 * The windows of the layers as `layer_types` lists them; `undefined` where a config lists none.
 * @param window What layers of sliding attention see; `undefined` where the config has no window.
 * @param keys Those that set a window, for who lists one and has none.
 * @throws InvalidFileError where the layers listed are not the model's, or have a window that there is not.
 */
export function listedWindows(checkpoint: Checkpoint, window: number | undefined, keys: string): Windows | undefined {
  const listed = checkpoint.config['layer_types'] ?? undefined
  if (listed === undefined) return undefined
  const layers = layersIn(checkpoint)
  const known = window === undefined ? ['full_attention'] : ['full_attention', 'sliding_attention']
  if (!Array.isArray(listed) || listed.length !== layers || listed.some((type) => !known.includes(type))) {
    throw malformed(checkpoint, `gives 'layer_types' as ${JSON.stringify(listed)}`, `List ${known.map((type) => `'${type}'`).join(' or ')} for each of the ${layers} layers${window === undefined ? `, or set ${keys}` : ''}`)
  }
  return listed.map((type) => (type === 'sliding_attention' ? window : undefined))
}
