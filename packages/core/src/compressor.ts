import type { Pass } from './pass.js'

/** Makes a pass that trades size or time for accuracy. */
export interface Compressor<Name extends string = string, Options extends object = never> {
  readonly kind: 'compressor'
  readonly version: 'v1'
  readonly name: Name
  pass(options: Options): Pass
}
