import { TenonError } from './tenon-error.js'

/** A graph breaks a rule: a value without a maker, a cycle, a wrong type, an unknown op. */
export class InvalidGraphError extends TenonError {
  constructor({ graph, problem, remedy }: { graph: string; problem: string; remedy?: string }) {
    super({ code: 'TENON_INVALID_GRAPH', message: `The graph '${graph}' is not valid: ${problem}`, remedy: remedy ?? 'Mend what emits the graph, or fetch the file again' })
  }
}
