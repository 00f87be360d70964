import { TenonError } from '@tenon/core'

/** Messages were passed, and the model says nowhere how they become a text. */
export class NoChatTemplateError extends TenonError {
  constructor({ reference, problem = 'has no chat template: its files do not say how messages become a text' }: { reference: string; problem?: string }) {
    super({ code: 'TENON_NO_CHAT_TEMPLATE', message: `${reference} ${problem}`, remedy: "Pass a template as the option 'template', or a prompt as a string; chat needs a model that was tuned for it ('-Instruct', '-Chat')" })
  }
}
