import { TenonError } from '@tenon/core'

/** A JSON schema asks for what cannot be guaranteed, or is none. Nothing in a schema is passed over. */
export class UnsupportedSchemaError extends TenonError {
  /** Where it stands, as a JSON pointer: `#/properties/name`. */
  readonly path: string
  readonly keyword: string | undefined

  constructor({ path, keyword, problem, remedy }: { path: string; keyword?: string | undefined; problem: string; remedy: string }) {
    super({ code: 'TENON_UNSUPPORTED_SCHEMA', message: `The JSON schema at ${path}${keyword === undefined ? '' : ` has '${keyword}', which`} ${problem}`, remedy })
    this.path = path
    this.keyword = keyword
  }
}
