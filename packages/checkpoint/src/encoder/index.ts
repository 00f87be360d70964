export { openEncoder, type Adapted, type Encoder, type EncoderOptions } from './open-encoder.js'
export type { EncoderRun } from './run-encoder.js'
