import { printJson, progressFor, type CommonOptions, type Context } from '../context.js'
import { diagnose } from '../diagnosis.js'
import { exitCodes } from '../exit-codes.js'
import { renderDiagnosis } from '../render-diagnosis.js'

export interface DoctorOptions extends CommonOptions {
  readonly model?: string
  readonly quick?: boolean
}

/** `tenon doctor`: what works on this machine, and how to get the rest. */
export async function doctor(context: Context, options: DoctorOptions): Promise<number> {
  using progress = progressFor(context, options)
  const diagnosis = await diagnose({ model: options.model, open: context.open, signal: context.signal, progress, quick: options.quick ?? false })
  progress.clear()
  if (options.json) await printJson(context, diagnosis)
  else await context.out.print(...renderDiagnosis(diagnosis, context.out))
  return diagnosis.ok ? exitCodes.done : exitCodes.failed
}
