import { addAbortSignal } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { AddReport } from '@tenon/task-qa'
import { answerJson, locate, type LocatedAnswer } from '../answers.js'
import { printJson, progressFor, type CommonOptions, type Context } from '../context.js'
import { PIPED, textOf } from '../decode-text.js'
import { UsageError } from '../errors/usage-error.js'
import { exitCodes } from '../exit-codes.js'
import { createLocator } from '../locate.js'
import { checkFolder } from '../named-paths.js'
import type { Progress } from '../progress.js'
import { renderAnswer } from '../render-answer.js'
import type { RunsOn } from '../runtime.js'
import type { Channel } from '../terminal.js'
import { counted, duration } from '../units.js'

export interface AskOptions extends CommonOptions, RunsOn {
  readonly question?: readonly string[]
  readonly model?: string
  readonly topK?: number
  readonly threshold?: number
  readonly store?: string
  readonly reader?: string
}

/** The name of what is piped in, in place of a path. */
const STDIN = 'stdin'

/** `tenon ask <question> [paths…]`: answers from documents, with the place of each answer. */
export async function ask(context: Context, args: readonly string[], options: AskOptions): Promise<number> {
  const { out, err, signal } = context
  const { questions, paths } = tellApart(args, options.question ?? [])
  using progress = progressFor(context, options)
  if (options.store !== undefined) await checkFolder('--store', options.store)
  const document = await pipedDocument(context, paths, options.store, progress)

  const began = performance.now()
  await using opened = await context.open({ model: options.model, backend: options.backend, device: options.device, deployment: options.deployment, signal, progress })
  const base = await opened.knowledgeBase({ store: options.store, reader: options.reader })
  const loaded = performance.now()
  const named = paths.filter((path) => path !== '-')
  const reports: AddReport[] = []
  if (named.length > 0) reports.push(await base.add(named, { signal }))
  if (document !== undefined) reports.push(await base.add([document], { signal }))
  const read = performance.now()
  const skipped = reports.flatMap((report) => report.skipped)

  const placeOf = createLocator(new Map(document === undefined ? [] : [[document.source, document.text]]))
  const limits = { ...(options.topK !== undefined && { topK: options.topK }), ...(options.threshold !== undefined && { threshold: options.threshold }) }
  const answers: LocatedAnswer[] = []
  for (const question of questions) {
    progress.stage('looking for answers')
    const asked = performance.now()
    const answer = await base(question, { signal, ...limits })
    answers.push(await locate(question, answer, performance.now() - asked, placeOf))
    progress.clear()
    if (!options.json) await printAnswer(out, answers, questions.length > 1)
  }

  const timings = { load: loaded - began, read: read - loaded, ask: performance.now() - read }
  if (options.json) {
    await printJson(context, { model: opened.model, ...base.size, skipped, answers: answers.map(answerJson), timings })
  } else if (!options.quiet) {
    await err.print('', ...summary(base.size, skipped, timings).map(err.colors.dim))
  }
  return answers.every(({ found }) => found) ? exitCodes.done : exitCodes.nothingFound
}

/** The first argument is the question, unless `--question` said them. */
function tellApart(args: readonly string[], asked: readonly string[]): { questions: readonly string[]; paths: readonly string[] } {
  const [questions, paths] = asked.length > 0 ? [asked, args] : [args.slice(0, 1), args.slice(1)]
  if (questions.length === 0) throw new UsageError({ message: 'There is no question', remedy: 'Ask one: tenon ask "How long should oak dry?" ./documents' })
  if (questions.some((question) => question.trim() === '')) throw new UsageError({ message: 'The question is empty', remedy: 'Put it in quotes: tenon ask "How long should oak dry?" ./documents' })
  return { questions, paths }
}

/** What is piped in is a document when neither paths nor a store are named, or when one of the paths is `-`. */
async function pipedDocument({ stdin, signal }: Context, paths: readonly string[], store: string | undefined, progress: Progress): Promise<{ source: string; text: string } | undefined> {
  if ((paths.length > 0 || store !== undefined) && !paths.includes('-')) return undefined
  const text = stdin === undefined ? '' : textOf(await buffer(addAbortSignal(signal, stdin)), PIPED, progress.note)
  if (text.trim() !== '') return { source: STDIN, text }
  throw new UsageError({
    message: paths.length > 0 ? 'Nothing was piped in' : 'There are no documents to look in',
    remedy: 'Name files or folders: tenon ask "…" ./documents notes.md; or pipe text in: cat notes.md | tenon ask "…"',
  })
}

/** The last of the answers; a blank line sets it off from what stands above it. */
async function printAnswer(out: Channel, answers: readonly LocatedAnswer[], several: boolean): Promise<void> {
  const answer = answers.at(-1)!
  const gap = out.interactive || answers.length > 1 ? [''] : []
  const title = several ? [`${out.colors.cyan('?')} ${out.colors.bold(answer.question)}`, ''] : []
  await out.print(...gap, ...title, ...renderAnswer(answer, out))
}

/** Reasons that are told; `--json` lists every file. */
const REASONS = 3

function summary(size: { documents: number; passages: number }, skipped: AddReport['skipped'], { load, read, ask }: { load: number; read: number; ask: number }): string[] {
  const line = `${counted(size.documents, 'document')}, ${counted(size.passages, 'passage')} · loaded in ${duration(load)}, read in ${duration(read)}, answered in ${duration(ask)}`
  if (skipped.length === 0) return [line]
  const byReason = new Map<string, string[]>()
  for (const { source, reason } of skipped) byReason.set(reason, [...(byReason.get(reason) ?? []), source])
  const groups = [...byReason].sort(([, one], [, other]) => other.length - one.length)
  const told = groups.slice(0, REASONS).map(([reason, [first, ...others]]) => `  ${first}${others.length > 0 ? ` and ${others.length} more` : ''}: ${reason}`)
  const more = groups.length > REASONS ? ['  and others: --json lists them all'] : []
  return [line, `${counted(skipped.length, 'file')} skipped:`, ...told, ...more]
}
