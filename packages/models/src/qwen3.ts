import type { Checkpoint, Model } from '@tenon/core'
import { integers, type Value } from '@tenon/graph'
import { Reshape } from '@tenon/graph/ops'
import { optionIn } from './config.js'
import { attend, defineDecoder, type Rotation, type Tokens } from './decoder.js'
import { linear, rmsNorm } from './layers.js'
import { llamaConfig, logits, type LlamaConfig } from './llama.js'
import { windowsIn } from './qwen2.js'
import { spelledUnder, type Weights } from './weights.js'

/**
 * Qwen3 (Yang et al. 2025), its dense sizes: a Llama in which the queries and keys of each head are normed before they are turned.
 * @example
 * const { decoder } = await qwen3().build(checkpoint, { head: 'causal-lm' })
 */
export const qwen3 = (): Model<'qwen3'> =>
  defineDecoder({ name: 'qwen3', config, logits: (weights, config, tokens) => logits(weights, config, tokens, { attention }), maxLength: ({ rotary }) => rotary.positions, spellings: spelledUnder('model') })

function config(checkpoint: Checkpoint): LlamaConfig {
  const bias = optionIn<boolean>(checkpoint, 'attention_bias', false)
  return llamaConfig(checkpoint, { biases: { projections: bias, output: bias, mlp: false }, windows: windowsIn(checkpoint), headSize: 128, positions: 32_768 })
}

/** x: [batch * sequence, hidden], and so is the result. */
function attention(w: Weights, { hidden, heads, kvHeads, headSize, biases, epsilon, windows }: LlamaConfig, x: Value, tokens: Tokens, layer: number, turned: Rotation): Value {
  const project = (name: string, count: number) => linear(w.at(name), x, count * headSize, { bias: biases.projections })
  const normed = (norm: string, rows: Value) => {
    const width = rows.shape[1] as number
    const each = Reshape(rows, integers(rows, [0, width / headSize, headSize])) // [batch * sequence, heads, size]
    return Reshape(rmsNorm(w.at(norm), each, epsilon), integers(rows, [0, width]))
  }
  const [query, key] = [normed('q_norm', project('q_proj', heads)), normed('k_norm', project('k_proj', kvHeads))]
  const mixed = attend([query, key, project('v_proj', kvHeads)], tokens, { layer, heads, kvHeads, rotation: turned, window: windows?.[layer] })
  return linear(w.at('o_proj'), mixed, hidden, { bias: biases.output })
}
