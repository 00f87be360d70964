import { checkOptions, InvalidOptionError } from '@tenon/core'
import { constraintOf, type ConstraintFactory } from './constraint.js'
import { schemaGrammar } from './schema-grammar.js'

export interface JsonSchemaOptions {
  /** Whether a space, or a line break with an indent, may stand between the parts. Default true. */
  readonly whitespace?: boolean | undefined
}

/**
 * A constraint to JSON that satisfies a schema. Properties come in the schema's order; properties that it does not list only where
 * `additionalProperties` says so, or where it lists none; strings may be as long as the schema lets them.
 *
 * Known are `type`, `enum`, `const`, `properties`, `required`, `additionalProperties`, `items`, `prefixItems`, `minItems`,
 * `maxItems`, `pattern`, `format`, `minLength`, `maxLength`, the four bounds of numbers, `anyOf`, `oneOf` where the alternatives
 * exclude one another, `allOf` where its parts can be put together, and `$ref` within the schema.
 * @throws UnsupportedSchemaError for other keywords, and for one that is used in a way that cannot be guaranteed.
 * @throws UnsatisfiableConstraintError where nothing satisfies it.
 * @throws InvalidGrammarError where it is too large.
 */
export function jsonSchema(schema: unknown, options: JsonSchemaOptions = {}): ConstraintFactory {
  checkOptions('jsonSchema', options, ['whitespace'])
  const { whitespace = true } = options
  if (typeof whitespace !== 'boolean') throw new InvalidOptionError({ where: 'jsonSchema', option: 'whitespace', problem: `is a ${typeof whitespace}`, remedy: 'Pass true or false' })
  return constraintOf(() => schemaGrammar(schema, whitespace))
}
