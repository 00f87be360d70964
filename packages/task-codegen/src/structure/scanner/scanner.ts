import type { CodeLanguage } from '../language.js'
import { readCode } from './code.js'
import { readBlockComment, readLineComment } from './comments.js'
import { readElement, readTag } from './jsx.js'
import type { Lexis } from './lexis.js'
import { Reading } from './reading.js'
import { readString } from './strings.js'
import type { Frame, Token } from './token.js'

/**
 * Reads a text piece by piece and reports its tokens, keeping what is open. A token whose end the text so far cannot tell
 * (a word that may grow, a slash that may begin a comment) waits for more, so no text is read twice but a token's length.
 */
export class Scanner {
  private constructor(private readonly reading: Reading) {}

  /** @param position Where the text to come stands. */
  static at(position: number, language: CodeLanguage | undefined, tabWidth: number): Scanner {
    return new Scanner(new Reading(language, position, tabWidth))
  }

  clone(): Scanner {
    return new Scanner(this.reading.clone())
  }

  /** The same place, with nothing open but what is around a frame. */
  outside(frame: Frame): Scanner {
    const reading = this.reading.clone()
    reading.top = frame.parent
    return new Scanner(reading)
  }

  get lexis(): Lexis {
    return this.reading.lexis
  }

  /** How far the text was read. */
  get position(): number {
    return this.reading.position
  }

  get top(): Frame | undefined {
    return this.reading.top
  }

  /** The last token that is neither comment nor line break, and the one before it. */
  get last(): Token | undefined {
    return this.reading.last
  }

  get beforeLast(): Token | undefined {
    return this.reading.beforeLast
  }

  /** The first token on this line. */
  get lineFirst(): Token | undefined {
    return this.reading.lineFirst
  }

  /** The next token of `text`, whose first character stands at `offset`; undefined where more text is needed to tell. With `final` there is no more. */
  next(text: string, offset: number, final: boolean): Token | undefined {
    const { reading } = this
    // Half a character waits for its other half.
    reading.text = !final && (text.charCodeAt(text.length - 1) & 0xfc00) === 0xd800 ? text.slice(0, -1) : text
    reading.offset = offset
    reading.final = final
    while (reading.at < reading.text.length) {
      const before = reading.position
      reading.waits = false
      const token = step(reading)
      if (token !== undefined) {
        if (token.type === 'newline') reading.lineFirst = undefined
        else if (token.type !== 'comment') {
          reading.beforeLast = reading.last
          reading.last = token
          reading.lineFirst ??= token
        }
        return token
      }
      if (reading.waits && reading.position === before) return undefined
    }
    return undefined
  }

  /** What would close everything that is open, innermost first. */
  closing(): string {
    const { top, lexis } = this.reading
    let { conditional } = this.reading
    const parts: string[] = []
    const conditionals = (after: number) => {
      for (; conditional !== undefined && conditional.at > after; conditional = conditional.parent) parts.push('\n#endif\n')
    }
    for (let frame = top; frame !== undefined; frame = frame.parent) {
      conditionals(frame.at)
      parts.push(frame.closer)
      // A call without its semicolon would be read as something else.
      if (lexis.newline === 'never' && frame.kind === '(' && frame.parent?.block === true) parts.push(';')
    }
    conditionals(-Infinity)
    return parts.join('')
  }
}

/** One token, or some text that is none. */
function step(reading: Reading): Token | undefined {
  const { top } = reading
  switch (top?.kind) {
    case 'string':
      return readString(reading, top)
    case 'comment':
      return readBlockComment(reading, top)
    case 'line':
      return readLineComment(reading, top)
    case 'tag':
      return readTag(reading, top)
    case 'element':
      return readElement(reading)
    default:
      return readCode(reading)
  }
}
