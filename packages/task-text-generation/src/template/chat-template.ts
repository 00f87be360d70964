import { ChatTemplateError } from '../errors/chat-template-error.js'
import { Budget, type Limits } from './budget.js'
import { Fault } from './fault.js'
import { Interpreter } from './interpreter.js'
import { parse, type Program } from './parser.js'
import { fromData } from './values.js'

/** The largest template of a published model has about 20,000 characters. */
const LONGEST = 1_000_000

/** A text as long as the tokenizer takes one. */
const CHARACTERS = 4_000_000

/**
 * 1,000 messages through the longest of templates take about 500,000 steps. As many as this take a second; what they may
 * hold on to is 64 million characters.
 */
const STEPS = 4_000_000

export interface RenderOptions extends Partial<Limits> {
  /** The time that `strftime_now` tells. Default: now. */
  readonly now?: Date
}

/**
 * A chat template, written in Jinja as transformers reads it. Templates come with models, so that nobody has looked at
 * them: what one may cost is bounded in steps, in depth and in characters, which holds on every machine alike, needs no thread to
 * be ended and no clock; there are no files, no modules and no properties of JavaScript to be reached.
 */
export class ChatTemplate {
  readonly name: string
  /** Every text that stands in the template, joined by U+0000. */
  readonly literals: string
  readonly #program: Program

  /**
   * @param name How errors call it: 'chat_template.jinja of ./model'.
   * @throws ChatTemplateError where it cannot be read.
   */
  constructor(source: string, name: string) {
    this.name = name
    if (source.length > LONGEST) throw new ChatTemplateError({ template: name, reason: 'limit', problem: `has ${source.length} characters, more than ${LONGEST}` })
    this.#program = this.#told(() => parse(source))
    this.literals = this.#program.literals.join('\0')
  }

  /** @throws ChatTemplateError where it fails, refuses, or takes too long. */
  render(variables: Readonly<Record<string, unknown>>, { now, steps = STEPS, characters = CHARACTERS }: RenderOptions = {}): string {
    let interpreter: Interpreter | undefined
    return this.#told(
      () => {
        const values = new Map(Object.entries(variables).filter(([, value]) => value !== undefined).map(([name, value]) => [name, fromData(value)]))
        interpreter = new Interpreter(values, new Budget({ steps, characters }), () => now ?? new Date())
        return interpreter.run(this.#program.body)
      },
      () => interpreter?.line,
    )
  }

  #told<T>(work: () => T, line: () => number | undefined = () => undefined): T {
    try {
      return work()
    } catch (cause) {
      const fault = cause instanceof RangeError ? new Fault('limit', 'nests too deep, or makes too long a text') : cause
      if (!(fault instanceof Fault)) throw cause
      throw new ChatTemplateError({ template: this.name, reason: fault.reason, problem: fault.message, line: fault.line ?? line() })
    }
  }
}
