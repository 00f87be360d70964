import { TenonError } from './tenon-error.js'

/** Two plugins of one kind share a name. */
export class DuplicatePluginError extends TenonError {
  constructor({ kind, name }: { kind: string; name: string }) {
    super({ code: 'TENON_DUPLICATE_PLUGIN', message: `The ${kind} '${name}' is listed twice`, remedy: 'Pass each plugin once' })
  }
}
