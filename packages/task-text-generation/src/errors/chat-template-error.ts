import { TenonError } from '@tenon/core'

type Reason = 'syntax' | 'raised' | 'failed' | 'limit'

const remedies: Readonly<Record<Reason, string>> = {
  syntax: "Pass a template of your own as the option 'template', in the language of Jinja that transformers reads",
  raised: 'Change the messages to what the template takes',
  failed: "Pass what the template asks for, as 'tools', 'documents' or 'variables', or a template of your own as 'template'",
  limit: "Pass fewer messages, or a template of your own as the option 'template'",
}

/** A chat template cannot be read, fails on these messages, refuses them, or takes too long. */
export class ChatTemplateError extends TenonError {
  readonly template: string
  /** `raised`: the template itself refuses the messages, and `problem` is what it says. */
  readonly reason: Reason
  readonly line: number | undefined

  constructor({ template, reason, problem, line }: { template: string; reason: Reason; problem: string; line?: number | undefined }) {
    const says = reason === 'raised' ? `refuses the messages: ${problem.replace(/[.!\s]+$/, '')}` : problem
    super({ code: 'TENON_CHAT_TEMPLATE', message: `The chat template ${template} ${says}${line === undefined ? '' : ` (line ${line})`}`, remedy: remedies[reason] })
    this.template = template
    this.reason = reason
    this.line = line
  }
}
