import { printJson, progressFor, type CommonOptions, type Context } from '../context.js'
import { exitCodes } from '../exit-codes.js'
import { inspect } from '../inspect/inspection.js'
import { renderInspection } from '../inspect/render-inspection.js'

export interface InspectCommandOptions extends CommonOptions {
  readonly head?: string
}

/** `tenon inspect <model>`: what a model is made of, and what can run it. */
export async function inspectCommand(context: Context, model: string, options: InspectCommandOptions): Promise<number> {
  using progress = progressFor(context, options)
  const inspection = await inspect({ model, head: options.head, signal: context.signal, progress })
  progress.clear()
  if (options.json) await printJson(context, inspection)
  else await context.out.print(...renderInspection(inspection, context.out))
  return inspection.problem === null ? exitCodes.done : exitCodes.failed
}
