import type { Checkpoint, Tokenizer } from '@tenon/core'
import { ControlTokens } from './control-tokens.js'
import { findTemplates } from './find-templates.js'
import { checkMessages, plainMessages, type Message, type Tool } from './messages.js'
import { readData } from './read-data.js'
import type { ChatTemplate } from './template/chat-template.js'

/** What a template is given beside the messages. */
export interface TemplateOptions {
  /** A template's name, `'tool_use'`, or a template of one's own. Default: the model's. */
  readonly template?: string | undefined
  readonly tools?: readonly Tool[] | undefined
  /** Texts that the model may draw on, where the template has a place for them. */
  readonly documents?: readonly Readonly<Record<string, unknown>>[] | undefined
  /** Whatever else the template reads: `{ enable_thinking: false }`. */
  readonly variables?: Readonly<Record<string, unknown>> | undefined
}

/** Messages as the model reads them. */
export interface ChatPrompt {
  readonly text: string
  readonly ids: readonly number[]
  /** Tokens that end the model's turn in this template, beside those that its files name. */
  readonly turnEnds: readonly number[]
}

/**
 * What ends a turn in the templates of the families, by their names: some models' files name only what ends a document. They count
 * where the template writes them.
 */
const TURN_ENDS = ['<|im_end|>', '<|eot_id|>', '<|eom_id|>', '<end_of_turn>', '<turn|>', '<|end|>', '<|return|>', '<|call|>', '<|endofturn|>', '<|END_OF_TURN_TOKEN|>', '</s>']

const ROLES = ['bos', 'eos', 'unk', 'sep', 'pad', 'cls', 'mask'] as const

/** Turns messages into prompts, by the model's own template. */
export async function chatPrompts(checkpoint: Checkpoint, tokenizer: Tokenizer): Promise<(messages: readonly Message[], options: TemplateOptions) => Promise<ChatPrompt>> {
  const templates = await findTemplates(checkpoint)
  const specials = Object.fromEntries(ROLES.flatMap((role) => (tokenizer.special[role] === undefined ? [] : [[`${role}_token`, tokenizer.special[role]]])))
  const controls = new WeakMap<ChatTemplate, ControlTokens>()
  return async (messages, { template: asked, tools, documents, variables }) => {
    checkMessages(messages)
    const template = templates.choose(asked, tools !== undefined && tools.length > 0)
    const control = controls.get(template) ?? new ControlTokens(tokenizer, template.literals)
    controls.set(template, control)
    const read = <T>(what: string, data: T) => readData(data, { what, template: template.name })
    const rendered = template.render({
      ...specials,
      ...control.mark({
        ...read('the variables', variables ?? {}),
        messages: plainMessages(read('the messages', messages)),
        tools: tools === undefined || tools.length === 0 ? null : read('the tools', tools),
        documents: read('the documents', documents ?? null),
      }),
      add_generation_prompt: true,
    })
    const written = TURN_ENDS.filter((name) => template.literals.includes(name)).map((name) => tokenizer.idOf(name))
    const eos = tokenizer.special.eos === undefined ? undefined : tokenizer.idOf(tokenizer.special.eos)
    return { text: control.unmark(rendered), ids: await control.encode(rendered), turnEnds: [...new Set([...written, eos])].filter((id) => id !== undefined) }
  }
}
