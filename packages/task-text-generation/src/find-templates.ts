import { readFile } from 'node:fs/promises'
import { InvalidFileError, type Checkpoint } from '@tenon/core'
import { NoChatTemplateError } from './errors/no-chat-template-error.js'
import { ChatTemplate } from './template/chat-template.js'

/** The chat templates of a model, by their names; `'default'` is the one for chat. */
export interface Templates {
  /**
   * The one that was asked for, by its name or as its text; without either `tool_use` where there are tools, else `default`.
   * @throws NoChatTemplateError, ChatTemplateError
   */
  choose(asked: string | undefined, hasTools: boolean): ChatTemplate
}

const FILE = /^(?:additional_chat_templates|chat_templates)\/([^/]+)\.jinja$/

/**
 * Reads the templates of tokenizer_config.json, chat_template.jinja and its folders; files come before what the config says, as
 * transformers has it.
 * @throws InvalidFileError
 */
export async function findTemplates(checkpoint: Checkpoint): Promise<Templates> {
  const { reference } = checkpoint
  const config = (await checkpoint.json('tokenizer_config.json')) as { readonly chat_template?: unknown } | undefined
  const sources = new Map([...named(config?.chat_template, reference)].map(([name, source]) => [name, { source, file: 'tokenizer_config.json' }]))
  for (const file of checkpoint.files) {
    const name = file === 'chat_template.jinja' ? 'default' : FILE.exec(file)?.[1]
    if (name !== undefined) sources.set(name, { source: await readFile(await checkpoint.path(file), 'utf8'), file })
  }
  const read = new Map<string, ChatTemplate>()
  const template = (key: string, source: string, name: string): ChatTemplate => {
    const made = read.get(key) ?? new ChatTemplate(source, name)
    if (read.size > MOST_KEPT) read.clear()
    read.set(key, made)
    return made
  }
  return {
    choose(asked, hasTools) {
      if (asked !== undefined && !sources.has(asked)) return template(`text ${asked}`, asked, "of the option 'template'")
      const name = asked ?? (hasTools && sources.has('tool_use') ? 'tool_use' : 'default')
      const found = sources.get(name)
      if (found !== undefined) return template(`name ${name}`, found.source, `'${name}' in ${found.file} of ${reference}`)
      if (sources.size === 0) throw new NoChatTemplateError({ reference })
      throw new NoChatTemplateError({ reference, problem: `has no chat template '${name}', but ${[...sources.keys()].map((each) => `'${each}'`).join(', ')}` })
    },
  }
}

/** Templates that were read stay, so that a turn does not read its own again. */
const MOST_KEPT = 16

function named(value: unknown, path: string): Map<string, string> {
  if (value === undefined || value === null) return new Map()
  if (typeof value === 'string') return new Map([['default', value]])
  const list: [unknown, unknown][] = Array.isArray(value) ? value.map((each: { name?: unknown; template?: unknown } | null) => [each?.name, each?.template]) : Object.entries(value as object)
  return new Map(
    list.map(([name, template]) => {
      if (typeof name === 'string' && typeof template === 'string') return [name, template]
      throw new InvalidFileError({ path, problem: 'has a chat_template in its tokenizer_config.json that is neither a text nor a list of named ones', remedy: "Pass a template as the option 'template'" })
    }),
  )
}
