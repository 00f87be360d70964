import { checkOptions, InvalidInputError, InvalidOptionError } from '@tenon/core'
import { cursorAt, type Cursor } from './cursor.js'
import { fit, readCompletion } from './finish.js'
import { type Grammar, grammarOf } from './grammar.js'
import { Growing } from './growing.js'
import { codeLanguages, type CodeLanguage } from './language.js'
import { completionScopes, type CompletionScope } from './scopes.js'
import { closedBy } from './suffix.js'
import { Syntax } from './syntax.js'
import { type Target, targetOf } from './target.js'

export interface StructureOptions {
  /** The text before the cursor, all of it. */
  readonly prefix: string
  /** The text behind it. */
  readonly suffix?: string
  /** Of `languageOf`; without one, brackets, indentation and blank lines decide. */
  readonly language?: CodeLanguage | undefined
  /**
   * How far a completion goes. `auto`: inside a statement to its end, in an empty body to the body's, below a comment to the next
   * blank line, otherwise one statement, be it a whole function. `block` and `function`: to the end of the one around the cursor.
   */
  readonly scope?: CompletionScope
  /** `false` leaves the grammar out, and goes by brackets and line ends alone. */
  readonly grammar?: false | undefined
}

/** Where completions at one place end, and what makes them fit there. */
export interface Structure extends Disposable {
  /**
   * The length the completion must be cut to; undefined where more text must tell. Made for a text that grows: what was read is not
   * read again, and several may grow side by side. Once it has answered, longer texts get the same answer.
   */
  readonly until: (completion: string) => number | undefined
  /**
   * The completion as it should be inserted: cut where it ends, without what follows the cursor anyway, brackets and quotes closed that
   * it opened, in the file's indentation and line ends, without trailing white space. Where the scope is a block around the cursor, that is
   * closed, too, as far as nothing behind the cursor does. Finishing twice changes nothing.
   * @param partial More may come, or the caller had it end here: the block is left open.
   */
  readonly finish: (completion: string, partial?: boolean) => string
  /** How many more errors the file has with this completion (as `finish` leaves it) than without; below 0, fewer. */
  readonly score: (completion: string) => number
  dispose(): void
}

/** Completions that grow side by side. */
const mostGrowing = 32

function checkText(what: string, text: unknown): void {
  if (typeof text !== 'string') throw new InvalidInputError({ what: `the ${what}`, problem: 'is no text', remedy: 'pass a string' })
}

class CursorStructure implements Structure {
  private readonly target: Target
  private readonly syntax: Syntax | undefined
  private readonly whole: Syntax | undefined
  /** One for each completion that grows, the last asked for last. */
  private growing: readonly Growing[] = []
  private errorsBefore: number | undefined

  constructor(
    private readonly cursor: Cursor,
    scope: CompletionScope,
    grammar: Grammar | undefined,
  ) {
    const { language, prefix } = cursor
    if (grammar !== undefined && language !== undefined) {
      this.syntax = new Syntax(grammar, language, prefix)
      this.whole = new Syntax(grammar, language, prefix)
    }
    this.target = targetOf(cursor, scope, this.syntax)
  }

  until = (completion: string): number | undefined => {
    const known = this.growing.filter((each) => each.extends(completion)).toSorted((a, b) => b.length - a.length)[0]
    const growing = known ?? new Growing(this.cursor, this.target, this.syntax)
    this.growing = [...this.growing.filter((other) => other !== growing).slice(1 - mostGrowing), growing]
    return growing.read(completion)
  }

  finish = (completion: string, partial = false): string => {
    checkText('completion', completion)
    const growing = new Growing(this.cursor, this.target, this.syntax)
    growing.read(completion, true)
    const text = fit(this.cursor, growing.whole, partial ? undefined : this.target)
    return partial ? text : text + this.semicolon(text)
  }

  /** The semicolon of a `struct`, or of a call whose function was to be written, where the file cannot be read without. */
  private semicolon(text: string): '' | ';' {
    const { suffix, scanner } = this.cursor
    if (this.target.kind !== 'block' || scanner.lexis.newline !== 'never' || !/[})]$/.test(text) || /^\s*[;,)]/.test(suffix.text)) return ''
    if ((readCompletion(this.cursor, text).scanner.top?.depth ?? 0) >= this.target.frame.depth) return ''
    const [without, withOne] = [this.errors(text), this.errors(`${text};`)]
    return without !== undefined && withOne !== undefined && withOne < without ? ';' : ''
  }

  score = (completion: string): number => {
    checkText('completion', completion)
    this.errorsBefore ??= this.errors('')
    const errors = this.errors(completion)
    return errors === undefined || this.errorsBefore === undefined ? this.unbalanced(completion) : errors - this.errorsBefore
  }

  /** What the grammar cannot read of the whole file; undefined without a grammar, or where reading takes too long. */
  private errors(completion: string): number | undefined {
    if (this.whole === undefined) return undefined
    const tail = completion + this.cursor.suffix.text
    return this.whole.parse(tail + readCompletion(this.cursor, tail).scanner.closing()) ? this.whole.errorCount() : undefined
  }

  /** Brackets of the completion that close nothing, or that nothing closes. */
  private unbalanced(completion: string): number {
    const { scanner, unmatched } = readCompletion(this.cursor, completion)
    const closed = closedBy(this.cursor.suffix.closersBehind(scanner), scanner.top)
    let open = 0
    for (let frame = scanner.top; frame !== undefined && frame.at >= 0; frame = frame.parent) if (frame.depth > closed) open++
    return unmatched + open
  }

  dispose(): void {
    this.syntax?.dispose()
    this.whole?.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

/**
 * What a completion at a cursor must respect: where it ends, what it must close, what it must not repeat.
 *
 * ```ts
 * using structure = await createStructure({ prefix: 'function add(a, b) {\n  ', suffix: '\n}\n', language: languageOf('add.js') })
 * structure.until('return a + b\n}\nfunction') // 12
 * structure.finish('return a + (b\n}\n') // 'return a + (b)'
 * ```
 * @throws MissingFileError where the grammar's package is not installed, unless `grammar` is false.
 * @throws InvalidOptionError
 */
export async function createStructure(options: StructureOptions): Promise<Structure> {
  checkOptions('createStructure()', options, ['prefix', 'suffix', 'language', 'scope', 'grammar'])
  const { prefix, suffix = '', language, scope = 'auto', grammar } = options
  checkText('prefix', prefix)
  checkText('suffix', suffix)
  if (!completionScopes.includes(scope)) throw new InvalidOptionError({ where: 'createStructure()', option: 'scope', problem: `is '${String(scope)}'`, remedy: `Choose one of ${completionScopes.join(', ')}` })
  if (language !== undefined && !codeLanguages.includes(language)) throw new InvalidOptionError({ where: 'createStructure()', option: 'language', problem: `is '${String(language)}', whose syntax is not known`, remedy: `Choose one of ${codeLanguages.join(', ')}, or leave it out` })
  return new CursorStructure(cursorAt({ prefix, suffix, language }), scope, language === undefined || grammar === false ? undefined : await grammarOf(language))
}
