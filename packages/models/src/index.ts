import { albert } from './albert.js'
import { bert } from './bert.js'
import { camembert } from './camembert.js'
import { debertaV2 } from './deberta-v2.js'
import { distilbert } from './distilbert.js'
import { gpt2 } from './gpt2.js'
import { llama } from './llama.js'
import { mistral } from './mistral.js'
import { modernbert } from './modernbert.js'
import { mpnet } from './mpnet.js'
import { qwen2 } from './qwen2.js'
import { qwen2Moe } from './qwen2-moe.js'
import { qwen3 } from './qwen3.js'
import { roberta } from './roberta.js'
import { starcoder2 } from './starcoder2.js'
import { xlmRoberta } from './xlm-roberta.js'

/**
 * All families of encoders, for who does not know beforehand which it will be: plugins cost nothing until they build.
 * @example
 * const runtime = createRuntime({ plugins: [files(), onnx(), ...encoders(), embedding()] })
 */
export const encoders = () => [bert(), roberta(), xlmRoberta(), camembert(), distilbert(), albert(), debertaV2(), modernbert(), mpnet()] as const

/**
 * All families of decoders, likewise.
 * @example
 * const runtime = createRuntime({ plugins: [files(), onnx(), ...decoders(), textGeneration()] })
 */
export const decoders = () => [gpt2(), llama(), mistral(), qwen2(), qwen2Moe(), qwen3(), starcoder2()] as const
