import type { Readable, Writable } from 'node:stream'
import type { OpenDecoder } from './open-decoder.js'
import type { Open } from './runtime.js'
import { createProgress, silent, type Progress } from './progress.js'
import type { Channel, Environment, OutputStream } from './terminal.js'

/** A terminal to be typed into, with what is typed shown. */
export interface Terminal {
  readonly input: Readable
  readonly output: Writable
}

/** All that a command touches of the outside; a test passes its own. */
export interface Surroundings {
  /** The arguments after the program's name. */
  readonly argv: readonly string[]
  readonly stdout: OutputStream
  readonly stderr: OutputStream
  /** What is piped in; absent where nothing is. */
  readonly stdin?: Readable | undefined
  /** Where a person types; absent where nobody does. */
  readonly terminal?: Terminal | undefined
  readonly env: Environment
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal
  /** How models are opened. Default: the installed packages. */
  readonly open?: Open
  /** How models that write are opened. Default: the installed packages. */
  readonly openDecoder?: OpenDecoder
}

/** What a command is given. */
export interface Context {
  readonly out: Channel
  readonly err: Channel
  readonly stdin: Readable | undefined
  readonly terminal: Terminal | undefined
  readonly env: Environment
  readonly signal: AbortSignal
  readonly open: Open
  readonly openDecoder: OpenDecoder
}

export interface CommonOptions {
  readonly json?: boolean
  readonly quiet?: boolean
}

/** Progress on stderr, unless it was asked to be quiet. */
export const progressFor = ({ err }: Context, { quiet = false }: CommonOptions): Progress => (quiet ? silent : createProgress(err))

/** One JSON document, and the only thing on stdout. Vectors would be a number a line: they are printed without indentation. */
export const printJson = ({ out }: Context, document: unknown, { indent = 2 } = {}): Promise<void> => out.print(JSON.stringify(document, null, indent))
