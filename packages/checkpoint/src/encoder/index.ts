export { openEncoder, type Adapted, type Encoder, type EncoderOptions } from './open-encoder.js'
export type { EncoderRun, Feed } from './run-encoder.js'
export { runWindows, windowsOf, type Window, type WindowRun } from './run-windows.js'
export type { EncodedTexts, EncodeTextsOptions, RunTextsOptions } from './run-texts.js'
