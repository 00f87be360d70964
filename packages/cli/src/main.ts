import { setImmediate as immediate } from 'node:timers/promises'
import { CommanderError } from 'commander'
import { printJson, type Context, type Surroundings } from './context.js'
import { describe } from './errors/describe.js'
import { exitCodes } from './exit-codes.js'
import { createProgram } from './program.js'
import { renderError } from './render-error.js'
import { channel } from './terminal.js'

/**
 * Runs one command and resolves with its exit code. Never throws, and touches nothing of the process but what it is
 * given.
 */
export async function main(surroundings: Surroundings): Promise<number> {
  const { argv, stdout, stderr, stdin, env } = surroundings
  // A reader that goes away, as head does, had enough: work for it is stopped, and that is no failure. The listeners
  // stay, since a stream may say so after the last write.
  const readerGone = new AbortController()
  let unwritten: Error | undefined
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    // Any other fault, such as a full disk, has lost what somebody wanted.
    if (!readerGone.signal.aborted && !GONE.includes(error.code ?? '')) unwritten = error
    readerGone.abort()
  })
  stderr.on('error', () => readerGone.abort())
  const context: Context = {
    out: channel(stdout, env),
    err: channel(stderr, env),
    stdin,
    terminal: surroundings.terminal,
    env,
    signal: AbortSignal.any([surroundings.signal, readerGone.signal]),
    open: surroundings.open ?? (async (options) => (await import('./runtime.js')).open(options)),
    openDecoder: surroundings.openDecoder ?? (async (options) => (await import('./open-decoder.js')).openDecoder(options)),
  }
  const ended = async (): Promise<number> => {
    if (unwritten === undefined) return exitCodes.done
    await report(context, unwritten, argv.filter((each) => each !== '--json')) // to stderr: stdout takes nothing
    return exitCodes.failed
  }
  try {
    const code = await createProgram(context).run(argv)
    await immediate() // a fault of the last write is told behind it
    return readerGone.signal.aborted ? await ended() : code
  } catch (error) {
    if (readerGone.signal.aborted) return await ended()
    if (surroundings.signal.aborted) return exitCodes.interrupted
    await report(context, error, argv)
    return isMiscall(error) ? exitCodes.usage : exitCodes.failed
  }
}

/** Whether it was called wrongly. A folder that stands where one is to be made is no matter of how it was called. */
const isMiscall = (error: unknown): boolean => error instanceof CommanderError || describe(error).code === 'TENON_USAGE' || (describe(error).code === 'TENON_INVALID_OPTION' && (error as { readonly option?: unknown }).option !== 'to')

/** What streams call a reader that is not there any more. */
const GONE: readonly string[] = ['EPIPE', 'EOF', 'ECONNRESET', 'ERR_STREAM_DESTROYED']

/** With `--json` an object on stdout, for the program that reads it; otherwise two lines on stderr, for a person. */
async function report(context: Context, error: unknown, argv: readonly string[]): Promise<void> {
  const { err, env } = context
  const { code, message, remedy } = describe(error)
  const debug = argv.includes('--debug') || Boolean(env['TENON_DEBUG'])
  const stack = debug && error instanceof Error ? error.stack : undefined
  if (argv.includes('--json')) return printJson(context, { error: { code, message, remedy, ...(stack !== undefined && { stack }) } })
  await err.print(...renderError({ code, message, remedy }, err), ...(stack === undefined ? [] : [err.colors.dim(stack)]))
}
