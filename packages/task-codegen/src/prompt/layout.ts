import { posix } from 'node:path'
import type { Format } from '../fim/find-format.js'
import type { FileTokens, FimTokens } from '../fim/formats.js'

/** A piece of a prompt: a control token, or text, which never is one. */
export type Piece = { readonly token: string } | { readonly text: string }

export interface ContextFile {
  readonly path: string
  readonly text: string
}

export interface Header {
  readonly repository?: string | undefined
  readonly files: readonly ContextFile[]
  /** The file that is written. */
  readonly path?: string | undefined
  readonly language?: string | undefined
}

/** What stands around the text before the cursor: where there are no other files, only the tokens of filling in the middle. */
export interface Layout {
  /** Up to the file that is written. */
  readonly before: readonly Piece[]
  /** Between that and the prefix; with a suffix that comes first, behind that. */
  readonly opening: readonly Piece[]
}

/** A file that nobody named. */
const UNNAMED = 'untitled'

/**
 * Lays other files out as the family was trained to read a repository, or, where it has no tokens for that, as comments with the
 * path, which is how DeepSeek-Coder was trained and what any model of code has seen.
 */
export function header({ files: tokens, fim }: Format, { repository, files, path, language }: Header): Layout {
  if (files.length === 0) return { before: [], opening: [] }
  if (tokens === undefined) return { before: [], opening: commented(files, path, language) }
  const before: Piece[] = [...named(tokens, repository)]
  for (const { path: other, text } of files) {
    if (tokens.place === 'before') before.push({ token: tokens.file })
    before.push({ text: `${other}\n${text}\n` })
    if (tokens.place === 'between') before.push({ token: tokens.file })
  }
  if (tokens.place === 'before') before.push({ token: tokens.file })
  const own: Piece = { text: `${path ?? UNNAMED}\n` }
  return tokens.pathInPrefix && fim !== undefined ? { before, opening: [own] } : { before: [...before, own], opening: [] }
}

function named({ repository: token, repositoryLine }: FileTokens, repository: string | undefined): Piece[] {
  if (token === undefined || repository === undefined) return []
  return [{ token }, { text: repositoryLine ? `${repository}\n` : repository }]
}

const commented = (files: readonly ContextFile[], path: string | undefined, language: string | undefined): Piece[] => {
  const mark = (name: string) => commentMark(name, language)
  return [...files.map((file) => ({ text: `${mark(file.path)} ${file.path}\n${file.text}\n` })), { text: `${mark(path ?? UNNAMED)} ${path ?? UNNAMED}\n` }]
}

const hash = new Set(['.py', '.pyi', '.rb', '.sh', '.bash', '.r', '.pl', '.yaml', '.yml', '.toml', '.ex', '.exs', '.jl', '.cmake', '.dockerfile', 'python', 'ruby', 'shell', 'bash', 'shellscript', 'perl', 'yaml', 'toml', 'r', 'elixir', 'julia'])
const dashes = new Set(['.sql', '.lua', '.hs', '.elm', '.ada', 'sql', 'lua', 'haskell', 'elm', 'ada'])

/** What begins a comment, by the file's extension, or else by the language's name. */
function commentMark(path: string, language = ''): string {
  const kind = posix.extname(path).toLowerCase() || language.toLowerCase()
  return hash.has(kind) ? '#' : dashes.has(kind) ? '--' : '//'
}

/**
 * The pieces of a prompt around the cursor. What was typed since the prompt was laid out stands behind the last token, as the
 * beginning of the middle: the suffix, which stands before it, is not read again.
 */
export function infilling({ before, opening }: Layout, fim: FimTokens, prefix: Piece, suffix: Piece, typed: Piece): Piece[] {
  const middle: Piece[] = fim.middle === undefined ? [] : [{ token: fim.middle }]
  const first: Piece[] = [{ token: fim.prefix }, ...opening, prefix]
  const second: Piece[] = [{ token: fim.suffix }, suffix]
  return [...before, ...(fim.order === 'prefix-first' ? [...first, ...second] : [...second, ...first]), ...middle, typed]
}
