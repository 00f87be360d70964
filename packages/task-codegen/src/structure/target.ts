import type { Cursor } from './cursor.js'
import { canEndStatement } from './statement-ends.js'
import type { Frame } from './scanner/token.js'
import type { CompletionScope } from './scopes.js'
import type { Statement, Syntax } from './syntax.js'

/** What is being written, and so where it ends. */
export type Target =
  | { readonly kind: 'line' }
  /** Until what is open there closes: a comment, a directive. */
  | { readonly kind: 'frame'; readonly frame: Frame }
  /** The statement whose brackets are those of `base`. Where it is `fresh` it begins with the completion, otherwise `anchor` is in it. */
  | { readonly kind: 'statement'; readonly base: Frame | undefined; readonly fresh: boolean; readonly comma: boolean; readonly anchor: number; readonly singleLine: boolean }
  /** Statements, until a blank line or the block's end. */
  | { readonly kind: 'paragraph'; readonly base: Frame | undefined; readonly column: number }
  /** Until the brace closes. */
  | { readonly kind: 'block'; readonly frame: Frame; readonly anchor: number }
  /** Until a line that is indented no farther than `limit`. */
  | { readonly kind: 'indented'; readonly limit: number }
  /** A statement that ends with its line, or with the block its line opens. */
  | { readonly kind: 'lines'; readonly fresh: boolean; readonly singleLine: boolean }

export function blockAround(frame: Frame | undefined): Frame | undefined {
  while (frame !== undefined && !frame.block) frame = frame.parent
  return frame
}

function before(frame: Frame | undefined, at: number): Frame | undefined {
  while (frame !== undefined && frame.at >= at) frame = frame.parent
  return frame
}

/** A comment stands alone on the line above, and nothing on the cursor's: it says what is to come. */
function commented({ prefix, line, language }: Cursor): boolean {
  const lineStart = prefix.length - line.length - 1
  if (line.trim() !== '' || lineStart < 0) return false
  const above = prefix.slice(prefix.lastIndexOf('\n', lineStart - 1) + 1, lineStart).trim()
  return (language === 'python' ? /^#(?!!)/ : language === 'c' || language === 'cpp' ? /^(?:\/\/|\/\*|.*\*\/$)/ : /^(?:\/\/|\/\*|.*\*\/$|#\s)/).test(above)
}

function indentedTarget(cursor: Cursor, scope: CompletionScope): Target {
  const { lines } = cursor.final
  const { line, suffix } = cursor
  // `if x:` and the cursor behind it, or on an empty line below.
  const behindColon = lines.line !== undefined && lines.endsInColon && cursor.top === undefined && /^(?:def|class|if|elif|else|for|while|with|try|except|finally|match|case|async)$/.test(lines.line.word)
  const emptyLine = line.trim() === ''
  const header = behindColon ? lines.line!.column : lines.afterHeader && emptyLine ? lines.header!.column : undefined
  const nextColumn = suffix.nextLine === '' ? -1 : suffix.nextLine.search(/\S/)
  const below = header !== undefined && nextColumn <= header
  let around = lines.header
  if (emptyLine && header === undefined) while (around !== undefined && cursor.column > 0 && around.column >= cursor.column) around = around.parent
  if (scope === 'function') {
    while (around !== undefined && !around.function) around = around.parent
    if (around !== undefined && !(emptyLine && cursor.column === 0 && header === undefined)) return { kind: 'indented', limit: around.column }
    if (header !== undefined) return { kind: 'indented', limit: header }
  }
  if (scope === 'block') {
    if (header !== undefined) return { kind: 'indented', limit: header }
    if (around !== undefined) return { kind: 'indented', limit: around.column }
  }
  if (scope === 'auto') {
    if (header !== undefined && (behindColon || below)) return { kind: 'indented', limit: header }
    if (commented(cursor) && !suffix.midLine) return { kind: 'paragraph', base: cursor.top, column: cursor.column }
  }
  return { kind: 'lines', fresh: lines.line === undefined, singleLine: suffix.midLine }
}

interface Place {
  readonly fresh: boolean
  readonly base: Frame | undefined
  readonly comma: boolean
}

/** What the grammar says of the cursor's place. */
function placeBySyntax({ last, top, broken }: Cursor, statement: Statement, syntax: Syntax): Place {
  const end = last!.end
  const { comma } = statement
  const base = before(top, statement.start)
  if (statement.delimiter) {
    // The brace that opens a container, or what separates its children.
    if (last!.type === 'open' || last!.text === ';' || last!.text === ',' || last!.text === ':') return { fresh: true, base: top, comma: last!.text === ',' }
  }
  const complete = base === top && statement.end <= end && !syntax.hasError(statement.start, end - 1)
  if (complete && (last!.text === ';' || last!.text === ',' || last!.type === 'directive' || statement.closed || broken)) return { fresh: true, base: top, comma }
  return { fresh: false, base, comma }
}

/** What brackets and line breaks alone say of it. */
function placeByBrackets(cursor: Cursor): Place {
  const { last, top, lineFirst, broken } = cursor
  const inBlock = top === undefined || top.block
  const fresh =
    inBlock &&
    last !== undefined &&
    ((last.type === 'open' && last.text === '{') ||
      last.text === ';' ||
      last.type === 'directive' ||
      (last.text === ':' && /^(?:case|default)$/.test(lineFirst?.text ?? '')) ||
      (last.text === '}' && (broken || last.frame?.block === true)) ||
      (broken && cursor.scanner.lexis.newline !== 'never' && canEndStatement(last, cursor.scanner, cursor.language)))
  return { fresh, base: fresh ? top : blockAround(top), comma: false }
}

export function targetOf(cursor: Cursor, scope: CompletionScope, syntax: Syntax | undefined): Target {
  const { top, last, suffix, scanner } = cursor
  const { lexis } = scanner
  if (scope === 'line') return { kind: 'line' }
  // A directive goes on behind a backslash, a comment does not.
  if (top?.kind === 'line' && !top.escapes) return { kind: 'line' }
  if (top?.kind === 'comment' || top?.kind === 'line') return { kind: 'frame', frame: top }
  if (lexis.syntax === 'indentation') return indentedTarget(cursor, scope)

  const anchor = last?.start ?? 0
  const singleLine = suffix.midLine
  const parsed = last !== undefined && syntax?.parse(cursor.closing) === true
  const statement = parsed ? syntax!.statementAt(Math.max(last.start, -cursor.prefix.length)) : undefined
  const place: Place = last === undefined ? { fresh: true, base: top, comma: false } : statement === undefined ? placeByBrackets(cursor) : placeBySyntax(cursor, statement, syntax!)
  const whole: Target = { kind: 'statement', ...place, anchor, singleLine }
  if (scope === 'function') {
    const body = parsed ? syntax!.functionBody(-1) : undefined
    let frame = top
    while (frame !== undefined && (body === undefined ? !frame.body : frame.at !== body)) frame = frame.parent
    return frame === undefined ? whole : { kind: 'block', frame, anchor: frame.at }
  }
  const around = blockAround(top)
  if (scope === 'block') {
    if (around !== undefined) return { kind: 'block', frame: around, anchor: around.at }
    return lexis.syntax === 'unknown' && cursor.indentation > 0 ? { kind: 'indented', limit: cursor.indentation - 1 } : whole
  }
  if (scope === 'auto' && place.fresh) {
    const opensBody = last?.type === 'open' && last.text === '{' && top?.at === last.start
    const next = suffix.text.trimStart()[0]
    if (opensBody && (top.depth > cursor.closed || next === '}')) return { kind: 'block', frame: top, anchor: top.at }
    if (commented(cursor) && !singleLine) return { kind: 'paragraph', base: place.base, column: cursor.column }
  }
  return whole
}
