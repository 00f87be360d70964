import { TenonError } from './tenon-error.js'

/** A plugin does not keep its contract. */
export class InvalidPluginError extends TenonError {
  constructor({ plugin, problem, remedy }: { plugin: string; problem: string; remedy: string }) {
    super({ code: 'TENON_INVALID_PLUGIN', message: `${plugin} ${problem}`, remedy })
  }
}
