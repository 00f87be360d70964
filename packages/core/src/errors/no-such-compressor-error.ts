import { listing } from '../nearest.js'
import { TenonError } from './tenon-error.js'

/** A compressor was asked for whose plugin was not passed. */
export class NoSuchCompressorError extends TenonError {
  constructor({ name, available }: { name: string; available: readonly string[] }) {
    super({ code: 'TENON_NO_SUCH_COMPRESSOR', message: `No plugin brings the compressor '${String(name)}'`, remedy: listing(name, available, 'compressor') })
  }
}
