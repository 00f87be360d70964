import { relative } from 'node:path'
import { addAbortSignal } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { Completion, CompletionInput, CompletionResult, CompletionScope } from '@tenon/task-codegen'
import { printJson, progressFor, type CommonOptions, type Context } from '../context.js'
import { divide, parsePlace } from '../cursor.js'
import { decodeText, PIPED, textOf } from '../decode-text.js'
import { generationOptions, openingOptions, type DecoderOptions } from '../decoder-options.js'
import { UsageError } from '../errors/usage-error.js'
import { exitCodes } from '../exit-codes.js'
import { idleSampling } from '../idle-sampling.js'
import { readNamed } from '../named-paths.js'
import type { Progress } from '../progress.js'
import { renderStats } from '../render-stats.js'
import { table } from '../table.js'
import { duration } from '../units.js'

export interface CompleteOptions extends CommonOptions, DecoderOptions {
  readonly at?: string
  readonly marker?: string
  readonly scope?: CompletionScope
  readonly candidates?: number
  readonly context?: readonly string[]
  readonly contextTokens?: number
  readonly path?: string
  readonly language?: string
  readonly repository?: string
  readonly prefixOnly?: boolean
  readonly truncate: boolean
  readonly healing: boolean
}

/** `tenon complete FILE --at LINE:COL`: what is to be written there. */
export async function complete(context: Context, file: string, options: CompleteOptions): Promise<number> {
  const { err, signal } = context
  const at = options.at === undefined ? undefined : parsePlace(options.at)
  using progress = progressFor(context, options)
  const { prefix, suffix } = divide(await read(context, file, progress), { at, marker: options.marker })
  const input = { prefix, suffix, ...(await surroundings(file, options)) }
  await checkTogether(options)
  const idle = (options.candidates ?? 1) > 1 ? undefined : idleSampling(options) // further candidates are drawn
  if (idle !== undefined) progress.note(idle)

  const began = performance.now()
  await using opened = await context.openDecoder({ task: 'code-generation', ...openingOptions(options), signal, progress })
  const completer = await opened.completer({ infills: suffix.trim() !== '' && options.prefixOnly !== true })
  const loaded = performance.now()
  progress.stage('reading the prompt')
  const completion = completer(input, {
    ...generationOptions(options),
    ...(options.scope !== undefined && { scope: options.scope }),
    ...(options.candidates !== undefined && { candidates: options.candidates }),
    ...(options.contextTokens !== undefined && { contextTokens: options.contextTokens }),
    ...(options.prefixOnly && { infill: 'prefix-only' as const }),
    truncate: options.truncate,
    healing: options.healing,
    signal,
  })

  const result = await show(context, completion, options, progress)
  if (options.json) await printJson(context, { model: opened.model, ...resultJson(result), timings: { load: loaded - began, complete: performance.now() - loaded } })
  if (options.stats && !options.json) await err.print(...renderStats(result.stats, err), ...table([[`${shown(result)} · opened in ${duration(loaded - began)}`]], err.width).map(err.colors.dim))
  return exitCodes.done
}

/** Prints a completion as it comes. A terminal's line is ended whatever comes in between; a pipe gets the text alone. */
async function show({ out }: Context, completion: Completion, options: CompleteOptions, progress: Progress): Promise<CompletionResult> {
  let last: string | undefined
  try {
    for await (const text of completion) {
      if (options.json) continue
      progress.clear()
      await out.write((last = text))
    }
    last ??= ''
    return await completion.result
  } finally {
    progress.clear()
    if (!options.json && out.interactive && last !== undefined && !last.endsWith('\n')) await out.write('\n')
  }
}

/** A file, or what is piped in. */
async function read({ stdin, signal }: Context, file: string, progress: Progress): Promise<string> {
  if (file !== '-') return textOf(await readNamed('The path', file, signal), file, progress.note)
  if (stdin === undefined) throw new UsageError({ message: 'Nothing was piped in', remedy: 'Pipe the text before the cursor: cat start.py | tenon complete -; or name a file' })
  return textOf(await buffer(addAbortSignal(signal, stdin)), PIPED, progress.note)
}

/**
 * Options that go together only within limits, before the model is opened.
 * @throws InvalidOptionError
 */
async function checkTogether({ contextLength, contextTokens, maxTokens, healing }: CompleteOptions): Promise<void> {
  if (contextLength === undefined && contextTokens === undefined) return
  const { checkRoom } = await import('@tenon/task-codegen')
  checkRoom({ contextLength, contextTokens, maxNewTokens: maxTokens, healing })
}

/** All but the text itself. Files are known to the model by their paths from here, as a repository's are. */
async function surroundings(file: string, { path, language, repository, context = [] }: CompleteOptions): Promise<Omit<CompletionInput, 'prefix'>> {
  const files = await Promise.all(context.map(async (other) => ({ path: fromHere(other), text: decodeText(await readNamed('--context', other)) })))
  const own = path ?? (file === '-' ? undefined : fromHere(file))
  return { ...(own !== undefined && { path: own }), ...(language !== undefined && { language }), ...(repository !== undefined && { repository }), ...(files.length > 0 && { files }) }
}

const fromHere = (path: string): string => {
  const near = relative(process.cwd(), path)
  return (near === '' || near.startsWith('..') ? path : near).replaceAll('\\', '/')
}

/** A completion as `--json` prints it: see the README. */
const resultJson = ({ text, finishReason, candidates, context, stats }: CompletionResult) => ({ text, finishReason, candidates, context, stats })

/** What the model was shown. */
function shown({ finishReason, context: { infill, prefixStart, files } }: CompletionResult): string {
  const parts = [infill ? 'filled in' : 'went on from the prefix', ...(prefixStart > 0 ? ['the file was cut to what is around the cursor'] : []), ...(files.length > 0 ? [`with ${files.join(', ')}`] : []), `ended by ${finishReason}`]
  return parts.join(' · ')
}
