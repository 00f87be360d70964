import { InvalidInputError, InvalidOptionError } from '@tenon/core'
import type { Vocabulary } from '@tenon/generation'
import { LEAST_CONTEXT_TOKENS } from '../check-room.js'
import { chooseFiles } from '../context/choose-files.js'
import { NoInfillingError } from '../errors/no-infilling-error.js'
import type { Format } from '../fim/find-format.js'
import { cutBack, unfinishedName } from '../healing/cut-back.js'
import { header, infilling, type ContextFile, type Layout, type Piece } from './layout.js'
import type { TextEncoder } from './text-encoder.js'
import { prefixWindow, windowsAround, type Windows } from './windows.js'

/** What is completed, checked. */
export interface PromptRequest {
  readonly prefix: string
  readonly suffix: string
  readonly path?: string | undefined
  readonly language?: string | undefined
  readonly files: readonly ContextFile[]
  readonly repository?: string | undefined
  readonly infill: 'middle' | 'prefix-only'
  /** Most tokens of the prompt. */
  readonly contextTokens: number
  readonly truncate: boolean
  readonly healing: boolean
}

/** What the model reads. */
export interface Prompt {
  readonly ids: readonly number[]
  /** The end of the prefix, which the tokens leave out: what is generated begins with it. */
  readonly cut: string
  readonly context: PromptContext
}

/** What of a request the prompt holds. */
export interface PromptContext {
  readonly tokens: number
  /** Whether the model fills in, or goes on with the prefix alone. */
  readonly infill: boolean
  /** Where in the prefix the prompt begins, in UTF-16 units; 0 where it holds all of it. */
  readonly prefixStart: number
  /** Where in the suffix it ends. */
  readonly suffixEnd: number
  /** The other files of which it holds something, in their order. */
  readonly files: readonly string[]
}

/** What a model's prompts are made with. */
export interface PrompterParts {
  /** The model, for messages. */
  readonly reference: string
  readonly format: Format
  readonly encoder: TextEncoder
  readonly idOf: (token: string) => number | undefined
  /** What stands before a prompt that would be empty. */
  readonly beginning: number | undefined
  readonly vocabulary: () => Promise<Vocabulary>
}

/** Of a file that is written: what its next prompt has in common with the last. */
interface Session {
  offered: readonly ContextFile[]
  /** Where the cursor was when files were chosen from them. */
  chosenAt: number
  files: readonly ContextFile[]
  laid: Laid | undefined
}

/** A prompt for filling in, as it was laid out; what is typed from then on stands behind its last token. */
interface Laid extends Windows {
  readonly text: string
  readonly behind: string
  readonly files: readonly ContextFile[]
  readonly contextTokens: number
}

/** Files whose prompts are kept in mind. */
const SESSIONS = 64

/** How far the cursor may move until files are chosen anew, in UTF-16 units: a screen or two. */
const FAR = 4000

/** The share of a prompt that is kept free for what is typed, until it is laid out anew. */
const TYPED_SHARE = 1 / 8

/** The share that other files may have. */
const FILES_SHARE = 1 / 2

/** The most that they may have with what is written around them: their names, the repository's, the file's own. */
const HEADER_SHARE = 3 / 4

/** The same each time, as what is held goes by. */
const NONE: readonly ContextFile[] = []

/** Control tokens around prefix, suffix and middle. */
const CONTROLS = 3

/** What the end of a text is looked for in, to be generated again. */
const TAIL = 256

/** Makes the prompts of one model, and keeps in mind, file by file, what its cache holds. */
export class Prompter {
  readonly #parts: PrompterParts
  readonly #sessions = new Map<string, Session>()
  #last: Promise<unknown> = Promise.resolve()

  constructor(parts: PrompterParts) {
    this.#parts = parts
  }

  /**
   * One after another, since each may change what is kept in mind.
   * @throws NoInfillingError, InvalidInputError, InvalidOptionError
   */
  prompt(request: PromptRequest): Promise<Prompt> {
    const made = this.#last.then(() => this.#make(request))
    this.#last = made.catch(() => undefined)
    return made
  }

  async #make(request: PromptRequest): Promise<Prompt> {
    const { path, contextTokens, suffix, truncate } = request
    const { format, reference } = this.#parts
    if (contextTokens < LEAST_CONTEXT_TOKENS) throw new InvalidOptionError({ where: WHERE, option: 'contextTokens', problem: `is ${contextTokens}, with which there is no room for a line`, remedy: `Give at least ${LEAST_CONTEXT_TOKENS}` })
    const infill = request.infill === 'middle' && suffix.trim() !== ''
    if (infill && format.fim === undefined) throw new NoInfillingError(reference)
    const session = this.#session(path)
    const files = await this.#files(session, request)
    try {
      return await this.#with(files, session, request, infill)
    } catch (error) {
      // What must not be cut has the room first: other files are shown as far as there is some.
      if (truncate || files.length === 0 || !(error instanceof InvalidInputError)) throw error
      return this.#with(NONE, session, request, infill)
    }
  }

  async #with(shown: readonly ContextFile[], session: Session, request: PromptRequest, infill: boolean): Promise<Prompt> {
    const { path, repository, language, contextTokens } = request
    const { format, encoder } = this.#parts
    let files = shown
    const most = contextTokens - encoder.start.length - (infill ? CONTROLS : 0)
    let layout = header(format, { files, path, repository, language })
    let around = await this.#ids([...layout.before, ...layout.opening])
    // Names may be as long as anything: files that would leave little of the text around the cursor stay out.
    if (around.length > most * HEADER_SHARE) [files, layout, around] = [NONE, header(format, { files: NONE }), []]
    const room = most - around.length
    const working: Working = { request, session, files, layout, room, block: Math.ceil(contextTokens / 2), encoder: placed(encoder, around.length === 0 ? 'start' : 'inside') }
    return infill ? this.#infilling(working) : this.#going(working)
  }

  /** Goes on with the prefix alone. */
  async #going({ request: { prefix, ...request }, files, layout, room, block, encoder }: Working): Promise<Prompt> {
    const cut = await this.#cut(prefix, Math.max(0, prefix.length - TAIL), request.healing)
    const kept = prefix.slice(0, prefix.length - cut.length)
    const window = await prefixWindow(kept, room, block, encoder)
    if (window.start > 0) refuseCut(request, room)
    const ids = [...encoder.start, ...(await this.#ids([...layout.before, ...layout.opening])), ...window.ids]
    return this.#prompt(ids, cut, { infill: false, prefixStart: window.start, suffixEnd: 0, files })
  }

  async #infilling(working: Working): Promise<Prompt> {
    const { request, session, files, layout, encoder } = working
    const { prefix, healing } = request
    const held = await this.#held(working)
    const laid = held?.laid ?? (await this.#lay(working))
    // A suffix that comes first costs nothing when the prefix behind it grows.
    session.laid = this.#parts.format.fim!.order === 'prefix-first' ? laid : undefined
    const typed = prefix.slice(laid.text.length)
    const cut = held?.cut ?? (await this.#cut(typed, 0, healing))
    const ids = held?.ids ?? (await encoder.encode(typed.slice(0, typed.length - cut.length), 'inside')).ids
    const [before, after, middle] = [{ text: '' }, { text: '' }, { text: '' }]
    const pieces = infilling(layout, this.#parts.format.fim!, before, after, middle)
    const known = new Map<Piece, readonly number[]>([[before, laid.prefix.ids], [after, laid.suffix.ids], [middle, ids]])
    return this.#prompt([...encoder.start, ...(await this.#ids(pieces, known))], cut, { infill: true, prefixStart: laid.prefix.start, suffixEnd: laid.suffix.end, files })
  }

  /** The layout of the last prompt, if this one differs from it only by what was typed. */
  async #held({ request, session, files, room, encoder }: Working): Promise<{ laid: Laid; cut: string; ids: readonly number[] } | undefined> {
    const { prefix, suffix, contextTokens, healing } = request
    const { laid } = session
    if (laid === undefined || laid.files !== files || laid.contextTokens !== contextTokens || laid.behind !== suffix || !prefix.startsWith(laid.text)) return undefined
    const typed = prefix.slice(laid.text.length)
    if (typed.length > contextTokens) return undefined // less than it would be in tokens, and cheaper to see
    const cut = await this.#cut(typed, 0, healing)
    const { ids } = await encoder.encode(typed.slice(0, typed.length - cut.length), 'inside')
    const limit = Math.min(Math.floor(contextTokens * TYPED_SHARE), room - laid.prefix.ids.length - laid.suffix.ids.length)
    return ids.length > limit ? undefined : { laid, cut, ids }
  }

  async #lay({ request, files, room, block, encoder }: Working): Promise<Laid> {
    const { prefix, suffix, contextTokens, truncate, healing, path } = request
    // Between prefix and middle there was a border in training, too, wherever it lay: only names are taken back over it.
    const cut = await this.#cut(prefix, unfinishedName(prefix), healing)
    const text = prefix.slice(0, prefix.length - cut.length)
    const reserve = truncate && path !== undefined ? Math.floor(contextTokens * TYPED_SHARE) : 0
    const windows = await windowsAround(text, suffix, room - reserve, block, encoder)
    if (windows.prefix.start > 0 || windows.suffix.end < suffix.length) refuseCut(request, room)
    return { ...windows, text, behind: suffix, files, contextTokens }
  }

  /** The end of a text that is left to be generated again. */
  async #cut(text: string, from: number, healing: boolean): Promise<string> {
    if (!healing || from >= text.length) return ''
    const start = Math.max(0, text.lastIndexOf('\n', Math.max(0, text.length - TAIL)) + 1)
    const tail = text.slice(Math.max(start, text.length - 2 * TAIL))
    const { ids } = await this.#parts.encoder.encode(tail, 'inside')
    return cutBack(tail, ids, Math.max(0, from - (text.length - tail.length)), await this.#parts.vocabulary())
  }

  #prompt(ids: readonly number[], cut: string, { files, ...context }: Omit<PromptContext, 'tokens' | 'files'> & { files: readonly ContextFile[] }): Prompt {
    const { beginning, reference } = this.#parts
    const whole = ids.length > 0 || beginning === undefined ? ids : [beginning]
    if (whole.length === 0) throw new InvalidInputError({ what: 'the prefix', problem: `is empty, and ${reference} has no token that begins a text`, remedy: 'write something first' })
    return { ids: whole, cut, context: { tokens: whole.length, ...context, files: files.map(({ path }) => path) } }
  }

  async #ids(pieces: readonly Piece[], known: ReadonlyMap<Piece, readonly number[]> = new Map()): Promise<number[]> {
    const { encoder, idOf } = this.#parts
    const parts = await Promise.all(pieces.map(async (piece) => known.get(piece) ?? ('token' in piece ? [idOf(piece.token)!] : (await encoder.encode(piece.text, 'inside')).ids)))
    return parts.flat()
  }

  #session(path: string | undefined): Session {
    const fresh: Session = { offered: [], chosenAt: 0, files: [], laid: undefined }
    if (path === undefined) return fresh
    const session = this.#sessions.get(path) ?? fresh
    this.#sessions.delete(path)
    this.#sessions.set(path, session) // the last used stands last
    if (this.#sessions.size > SESSIONS) this.#sessions.delete(this.#sessions.keys().next().value!)
    return session
  }

  /** The files of the last prompt, unless others are offered now, or the cursor is elsewhere. */
  async #files(session: Session, { files, path, prefix, suffix, contextTokens }: PromptRequest): Promise<readonly ContextFile[]> {
    const offered = files.filter((file) => file.path !== path && file.text.trim() !== '')
    const same = offered.length === session.offered.length && offered.every(({ path: name, text }, index) => name === session.offered[index]!.path && text === session.offered[index]!.text)
    if (same && Math.abs(prefix.length - session.chosenAt) <= FAR) return session.files
    const chosen = offered.length === 0 ? [] : await chooseFiles(offered, { path, prefix, suffix }, Math.floor(contextTokens * FILES_SHARE), this.#parts.encoder, session.files)
    const unchanged = chosen.length === session.files.length && chosen.every(({ path: name, text }, index) => name === session.files[index]!.path && text === session.files[index]!.text)
    Object.assign(session, { offered, chosenAt: prefix.length, files: unchanged ? session.files : chosen })
    return session.files
  }
}

const WHERE = "a call of the task 'code-generation'"

interface Working {
  readonly request: PromptRequest
  readonly session: Session
  readonly files: readonly ContextFile[]
  readonly layout: Layout
  /** Tokens that prefix and suffix may have. */
  readonly room: number
  readonly block: number
  readonly encoder: TextEncoder
}

/** Only what nothing stands before begins the sequence. */
const placed = (encoder: TextEncoder, first: 'start' | 'inside'): TextEncoder => ({ start: encoder.start, encode: (text, place) => encoder.encode(text, first === 'start' ? place : 'inside') })

function refuseCut({ truncate, contextTokens }: Pick<PromptRequest, 'truncate' | 'contextTokens'>, room: number): void {
  if (truncate) return
  throw new InvalidInputError({ what: 'the prompt', problem: `is longer than the context: of ${contextTokens} tokens, ${Math.max(0, room)} are left for prefix and suffix, which have more`, remedy: 'leave truncate out, so that what is around the cursor is kept; pass less; or allow more contextTokens, and the model a longer context' })
}
