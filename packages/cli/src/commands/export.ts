import { printJson, progressFor, type CommonOptions, type Context } from '../context.js'
import { UsageError } from '../errors/usage-error.js'
import { exitCodes } from '../exit-codes.js'
import { openCheckpoint, type Compression } from '../open-checkpoint.js'
import { renderExport } from '../render-export.js'
import { usualHead } from '../usual-head.js'

export interface ExportCommandOptions extends CommonOptions {
  readonly to: string
  readonly task?: string
  readonly head?: string
  readonly compress?: Compression
  readonly portable?: boolean
  readonly link?: boolean
  readonly overwrite?: boolean
}

/** `tenon export <model> --to <folder>`: a folder that other tools load. */
export async function exportCommand(context: Context, model: string, options: ExportCommandOptions): Promise<number> {
  const { out, signal } = context
  const { to, task, head: wanted, compress, portable = false, link = false, overwrite = false } = options
  if (task !== undefined && wanted !== undefined) throw new UsageError({ message: 'A task was named, and a head too', remedy: 'Name one of them' })
  using progress = progressFor(context, options)
  const began = performance.now()
  const { exportModel } = await import('@tenon/models/export')
  await using opened = await openCheckpoint({ model, signal, progress })
  const { checkpoint, families } = opened
  const head = wanted ?? (await usualHead(checkpoint.config, families, task))
  const graphs = await opened.build(head, compress)
  const report = await exportModel({
    checkpoint,
    graphs,
    to,
    head,
    portable,
    link,
    overwrite,
    signal,
    emit(event) {
      if (event.type === 'progress') progress.update(event)
      if (event.type === 'notice') progress.note(event.message)
    },
  })
  const done = { model, family: checkpoint.config.model_type, head, ...report, milliseconds: performance.now() - began }
  progress.clear()
  if (options.json) await printJson(context, done)
  else await out.print(...renderExport(done, out))
  return exitCodes.done
}
