/** What went wrong in a template, before it is known which template it was. */
export class Fault extends Error {
  /** `raised`: the template itself refused, with raise_exception. */
  readonly reason: 'syntax' | 'raised' | 'failed' | 'limit'
  line: number | undefined

  constructor(reason: Fault['reason'], message: string, line?: number) {
    super(message)
    this.reason = reason
    this.line = line
  }
}

export const failed = (message: string) => new Fault('failed', message)
