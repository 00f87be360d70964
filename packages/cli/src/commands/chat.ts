import { addAbortSignal } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { TenonError } from '@tenon/core'
import type { Answer, AnswerResult, Conversation, TextGenerator } from '@tenon/task-text-generation'
import { printJson, progressFor, type CommonOptions, type Context, type Terminal } from '../context.js'
import { decodeText, PIPED, textOf } from '../decode-text.js'
import { generationOptions, openingOptions, type DecoderOptions } from '../decoder-options.js'
import { describe } from '../errors/describe.js'
import { UsageError } from '../errors/usage-error.js'
import { exitCodes } from '../exit-codes.js'
import { idleSampling } from '../idle-sampling.js'
import { readNamed } from '../named-paths.js'
import type { Progress } from '../progress.js'
import { readTurns } from '../read-turns.js'
import { renderError } from '../render-error.js'
import { renderStats } from '../render-stats.js'
import { table } from '../table.js'
import { duration } from '../units.js'
import { wrap } from '../wrap.js'

export interface ChatOptions extends CommonOptions, DecoderOptions {
  readonly system?: string
  readonly schema?: string
  readonly template?: string
  readonly variable?: readonly string[]
  readonly dropOldest?: boolean
}

/** `tenon chat [question]`: one answer, or a conversation. */
export async function chat(context: Context, question: string | undefined, options: ChatOptions): Promise<number> {
  const { signal, stdin, terminal } = context
  using progress = progressFor(context, options)
  const asked = await message(question, stdin === undefined ? undefined : textOf(await buffer(addAbortSignal(signal, stdin)), PIPED, progress.note))
  if (asked === undefined && terminal === undefined) throw new UsageError({ message: 'There is no question', remedy: 'Ask one: tenon chat "What is a tenon?" --model …; or start it in a terminal to talk' })
  if (asked === undefined && options.json) throw new UsageError({ message: '--json prints one document, and there is no question', remedy: 'Ask one: tenon chat "What is a tenon?" --json --model …' })
  const request = { ...generationOptions(options), ...(await templateOptions(options)), ...(options.system !== undefined && { system: options.system }), ...(options.dropOldest && { overflow: 'drop-oldest' as const }) }

  const began = performance.now()
  await using opened = await context.openDecoder({ task: 'text-generation', ...openingOptions(options), signal, progress })
  const generate = await opened.chat()
  const load = performance.now() - began
  const idle = idleSampling(options, generate.sampling.temperature)
  if (idle !== undefined) progress.note(idle)
  const conversation = generate.conversation(request)
  if (asked === undefined) return await talk(context, terminal!, { conversation, begin: () => generate.conversation(request), options, progress })

  const answering = performance.now()
  const result = await showWhole(context, conversation.send(asked, { signal }), options, progress)
  if (options.json) {
    const { text, finishReason, message: said, toolCalls, stats } = result
    await printJson(context, { model: opened.model, text, finishReason, message: said, toolCalls, stats, timings: { load, answer: performance.now() - answering } })
  } else if (options.stats) await context.err.print(...renderStats(result.stats, context.err), ...table([[`ended by ${result.finishReason} · opened in ${duration(load)}`]], context.err.width).map(context.err.colors.dim))
  return isCut(result, options) ? exitCodes.unfinished : exitCodes.done
}

/** What was asked, with what was piped in behind it. */
async function message(question: string | undefined, piped: string | undefined): Promise<string | undefined> {
  const text = [question, piped?.replace(/[\r\n]+$/, '')].filter((part) => part !== undefined && part.trim() !== '').join('\n\n')
  if (text !== '') return text
  if (question !== undefined) throw new UsageError({ message: 'The question is empty', remedy: 'Put it in quotes: tenon chat "What is a tenon?" --model …' })
  if (piped !== undefined) throw new UsageError({ message: 'Nothing was piped in', remedy: 'Pipe some text in, or ask: tenon chat "What is a tenon?" --model …' })
  return undefined
}

/** @throws UsageError */
async function templateOptions({ schema, template, variable = [] }: ChatOptions): Promise<Parameters<TextGenerator['conversation']>[0]> {
  const variables = variable.map((each): [string, unknown] => {
    const at = each.indexOf('=')
    if (at < 1) throw new UsageError({ message: `--variable '${each}' names no value`, remedy: 'Write it as --variable enable_thinking=false' })
    return [each.slice(0, at), jsonOr(each.slice(at + 1))]
  })
  return {
    ...(variables.length > 0 && { variables: Object.fromEntries(variables) }),
    ...(template !== undefined && { template: decodeText(await readNamed('--template', template)) }),
    ...(schema !== undefined && { schema: await schemaIn(schema) }),
  }
}

/** @throws UsageError where the file is none, or holds no schema that answers can be held to. */
async function schemaIn(file: string): Promise<Record<string, unknown> | boolean> {
  const schema = parsed(file, decodeText(await readNamed('--schema', file)))
  const { jsonSchema } = await import('@tenon/generation')
  try {
    jsonSchema(schema)
  } catch (error) {
    if (!TenonError.isInstance(error)) throw error
    const { message, remedy } = describe(error)
    throw new UsageError({ message: `--schema ${file}: ${message}`, remedy })
  }
  return schema
}

function parsed(file: string, text: string): Record<string, unknown> | boolean {
  try {
    return JSON.parse(text) as Record<string, unknown> | boolean
  } catch (error) {
    throw new UsageError({ message: `--schema ${file}: this is no JSON (${(error as Error).message})`, remedy: 'Name a file with a JSON schema' })
  }
}

/** `false` and `3` are what they look like; anything else is a text. */
function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** Prints an answer as it comes, and ends its line; where nothing was said an error is the first that is printed. */
async function show({ out }: Context, answer: Answer, options: ChatOptions, progress: Progress): Promise<AnswerResult> {
  progress.stage('reading')
  let last = '\n'
  try {
    for await (const text of answer) {
      if (options.json) continue
      progress.clear()
      await out.write((last = text))
    }
    const result = await answer.result
    if (result.text === '') last = ''
    return result
  } finally {
    progress.clear()
    if (!options.json && !last.endsWith('\n')) await out.write('\n')
  }
}

/** Whether an answer ended before it fulfilled the schema: by its length, or by a text that stops it. */
const isCut = ({ finishReason }: AnswerResult, { schema }: ChatOptions): boolean => schema !== undefined && finishReason !== 'end-token' && finishReason !== 'constraint'

/** Says of a cut answer that it is one, behind it. */
async function showWhole(context: Context, answer: Answer, options: ChatOptions, progress: Progress): Promise<AnswerResult> {
  const result = await show(context, answer, options, progress)
  if (isCut(result, options)) progress.note(`The answer does not fulfil the schema: it was cut ${result.finishReason === 'length' ? 'by its length. Allow more with --max-tokens, or ask for less' : 'by --stop'}`)
  return result
}

const HELP = [
  ['/exit', 'leave; so does Ctrl-D, and Ctrl-C on an empty line'],
  ['/reset', 'begin anew'],
  ['/undo', 'take back the last question and its answer'],
  ['/stats', 'how long the last answer took'],
  ['/help', 'this'],
  ['\\', 'at the end of a line: it goes on in the next; """ before and behind several lines makes one of them, as pasting them does'],
  ['Ctrl-C', 'stop the answer, or take back what is half typed'],
] as const

interface Talk {
  readonly conversation: Conversation
  /** Another one, with nothing said. */
  begin(): Conversation
  readonly options: ChatOptions
  readonly progress: Progress
}

/** A conversation, until somebody has had enough. */
async function talk(context: Context, terminal: Terminal, { conversation: first, begin, options, progress }: Talk): Promise<number> {
  const { out, err, signal } = context
  const { dim, cyan } = out.colors
  let conversation = first
  let last: AnswerResult | undefined
  let answering: AbortController | undefined
  let left = false
  progress.clear()
  if (!options.quiet) await out.print(...wrap([{ text: 'Ask something. /help says what else can be typed.', paint: dim }], out.width))
  using turns = readTurns(terminal, { prompt: `${cyan('›')} `, marksPastes: out.interactive, signal })
  turns.onInterrupt = () => {
    if (answering !== undefined && !answering.signal.aborted) return answering.abort()
    if (!turns.discard()) turns.end()
  }

  turns.invite()
  for await (const turn of turns) {
    const said = turn.trim()
    if (said === '/exit' || said === '/quit') {
      left = true
      break
    }
    if (said === '/help') await out.print(...table(HELP, out.width))
    else if (said === '/reset') {
      conversation = begin()
      await out.print(dim('Nothing was said.'))
    } else if (said === '/undo') await attempt(context, async () => {
      const { content } = conversation.undo()
      await out.print(dim(`Taken back: ${String(content).split('\n')[0]}`))
    })
    else if (said === '/stats') await out.print(...(last === undefined ? [dim('There is no answer yet.')] : renderStats(last.stats, out)))
    else if (/^\/[a-z]+$/i.test(said)) await out.print(dim(`There is no ${said}: /help says what can be typed.`))
    else if (said !== '') {
      const stop = (answering = new AbortController())
      await attempt(context, async () => {
        last = await showWhole(context, conversation.send(turn, { signal: AbortSignal.any([stop.signal, signal]) }), options, progress)
        if (options.stats) await err.print(...renderStats(last.stats, err).map(err.colors.dim))
      }, stop.signal)
      answering = undefined
    }
    signal.throwIfAborted()
    turns.invite()
  }
  // Who leaves by a key leaves the cursor behind an invitation.
  if (!left) terminal.output.write('\n')
  signal.throwIfAborted()
  return exitCodes.done
}

/** What goes wrong with one turn is told, and the conversation goes on. */
async function attempt({ err, signal }: Context, work: () => Promise<void>, stopped?: AbortSignal): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (signal.aborted || !TenonError.isInstance(error)) throw error
    if (stopped?.aborted) return
    await err.print(...renderError(describe(error), err))
  }
}
