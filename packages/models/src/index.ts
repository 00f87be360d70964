import { albert } from './albert.js'
import { bert } from './bert.js'
import { camembert } from './camembert.js'
import { debertaV2 } from './deberta-v2.js'
import { distilbert } from './distilbert.js'
import { modernbert } from './modernbert.js'
import { mpnet } from './mpnet.js'
import { roberta } from './roberta.js'
import { xlmRoberta } from './xlm-roberta.js'

/**
 * All families of encoders, for who does not know beforehand which it will be: plugins cost nothing until they build.
 * @example
 * const runtime = createRuntime({ plugins: [files(), onnx(), ...encoders(), embedding()] })
 */
export const encoders = () => [bert(), roberta(), xlmRoberta(), camembert(), distilbert(), albert(), debertaV2(), modernbert(), mpnet()] as const
