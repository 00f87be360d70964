import { nearest } from '@tenon/core'
import { annotations, combine, type Schema } from './combine-schemas.js'
import { decimals } from './decimals.js'
import { exclude } from './exclusive-schemas.js'
import { anyOf, choice, never, nothing, optional, repeat, rule, sequence, text, type Expression, type Grammar } from './expression.js'
import { jsonCharacter, jsonCharacters, jsonInteger, jsonNumber, jsonString, otherThan } from './json-text.js'
import { readJson } from './read-json.js'
import { faultOf, parseRegularExpression } from './regular-expression.js'
import { schemaFormats } from './schema-formats.js'
import { schemaTypes, typeOfValue, typesOf, type SchemaType } from './schema-types.js'
import { UnsupportedSchemaError } from './unsupported-schema-error.js'

/** Schemas within one another, references that are put together counted. */
const DEPTH = 128
const SCHEMAS = 20_000
const COUNT = 100_000

const known = [
  '$ref', 'allOf', 'anyOf', 'oneOf', 'type', 'enum', 'const', 'properties', 'required', 'additionalProperties', 'items', 'prefixItems', 'additionalItems', 'minItems', 'maxItems',
  'pattern', 'minLength', 'maxLength', 'format', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum',
]
/** Known to JSON Schema, and beyond what a text can be held to as it is written. `false` and `[]` ask for nothing. */
const beyond = ['not', 'if', 'then', 'else', 'dependentRequired', 'dependentSchemas', 'dependencies', 'patternProperties', 'propertyNames', 'minProperties', 'maxProperties', 'unevaluatedProperties', 'unevaluatedItems', 'contains', 'minContains', 'maxContains', 'uniqueItems', 'multipleOf', 'contentEncoding', 'contentMediaType', 'contentSchema', '$anchor', '$dynamicRef', '$dynamicAnchor', '$vocabulary']

const isRecord = (value: unknown): value is Schema => typeof value === 'object' && value !== null && !Array.isArray(value)

/** One space, or a line break with an indent, where there may be any: endless white space would be valid too. */
const blank: Expression = optional(choice(text(' '), sequence(text('\n'), repeat(anyOf(' \t'), 0, 40))))

/**
 * The grammar of JSON texts that satisfy a schema.
 * @throws UnsupportedSchemaError
 */
export function schemaGrammar(schema: unknown, whitespace: boolean): Grammar {
  const compiler = new SchemaCompiler(readJson(schema), whitespace ? blank : nothing)
  return { rules: compiler.rules, root: compiler.root }
}

class SchemaCompiler {
  readonly #document: unknown
  readonly #blank: Expression
  readonly rules = new Map<string, Expression>()
  readonly root = '#'
  #count = 0

  constructor(document: unknown, blank: Expression) {
    this.#document = document
    this.#blank = blank
    this.#reference('#', '#', 0)
  }

  #refuse(path: string, keyword: string | undefined, problem: string, remedy = 'Leave it out, and check what it asks for afterwards'): UnsupportedSchemaError {
    return new UnsupportedSchemaError({ path, keyword, problem, remedy })
  }

  /** The rule of a part of the document, compiled when it is first named. */
  #reference(pointer: string, path: string, depth: number): Expression {
    if (!this.rules.has(pointer)) {
      const target = this.#at(pointer, path)
      this.rules.set(pointer, never) // so that it can name itself
      this.rules.set(pointer, this.#schema(target, pointer, depth))
    }
    return rule(pointer)
  }

  #at(pointer: unknown, path: string): unknown {
    const fail = (problem: string) => this.#refuse(path, '$ref', problem, 'Put what it names under $defs of the same schema, and write #/$defs/name')
    if (typeof pointer !== 'string' || (pointer !== '#' && !pointer.startsWith('#/'))) throw fail(`is ${JSON.stringify(pointer)}, and not a place in the same schema`)
    let part = this.#document
    for (const step of pointer.split('/').slice(1)) {
      let key = step
      try {
        key = decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~')
      } catch {
        throw fail(`is ${JSON.stringify(pointer)}, which is no JSON pointer`)
      }
      if ((!isRecord(part) && !Array.isArray(part)) || !Object.hasOwn(part, key)) throw fail(`names ${JSON.stringify(pointer)}, which is not there`)
      part = (part as Schema)[key]
    }
    return part
  }

  #schema(schema: unknown, path: string, depth: number): Expression {
    if (schema === true) return this.#anything()
    if (schema === false) return never
    if (!isRecord(schema)) throw this.#refuse(path, undefined, `is ${schema === undefined ? 'undefined' : JSON.stringify(schema).slice(0, 40)}, and neither an object nor a boolean`, 'Pass a JSON schema')
    if (depth > DEPTH) throw this.#refuse(path, undefined, `lies more than ${DEPTH} schemas deep`, 'Name parts of it with $ref')
    if (++this.#count > SCHEMAS) throw this.#refuse(path, undefined, `has more than ${SCHEMAS} parts, those counted that stand in several combinations`, 'Make it smaller')
    this.#checkKeywords(schema, path)

    const asked = Object.keys(schema).filter((keyword) => !annotations.includes(keyword))
    if (asked.length === 1 && typeof schema.$ref === 'string') return this.#reference(schema.$ref, path, depth + 1)
    const { $ref, allOf, ...rest } = schema
    if ($ref !== undefined || allOf !== undefined) return this.#schema(this.#together(rest, $ref, allOf, path, depth), path, depth + 1)

    const { anyOf, oneOf, ...base } = schema
    const alternatives = anyOf ?? oneOf
    if (alternatives === undefined) return this.#values(base, path, depth)
    if (anyOf !== undefined && oneOf !== undefined) throw this.#refuse(path, 'oneOf', "stands beside 'anyOf'", 'Write one of them')
    const options = this.#list(alternatives, path, anyOf === undefined ? 'oneOf' : 'anyOf').map((option) => (typeof option === 'boolean' ? option : isRecord(option) ? this.#withBase(base, option, path) : option))
    if (oneOf !== undefined) this.#checkExclusive(options, path)
    return choice(...options.map((option, index) => this.#schema(option, `${path}/${anyOf === undefined ? 'oneOf' : 'anyOf'}/${index}`, depth + 1)))
  }

  /** An alternative with what stands beside the list of alternatives. References stay references where nothing does. */
  #withBase(base: Schema, option: Schema, path: string): Schema {
    const asks = Object.keys(base).some((keyword) => !annotations.includes(keyword))
    return asks ? combine(base, this.#flat(option, path, 0), path) : option
  }

  #together(rest: Schema, $ref: unknown, allOf: unknown, path: string, depth: number): Schema | boolean {
    const parts = [...($ref === undefined ? [] : [{ $ref }]), ...(allOf === undefined ? [] : this.#list(allOf, path, 'allOf'))]
    let together: Schema = rest
    for (const part of parts) {
      if (part === true) continue
      if (part === false) return false
      if (!isRecord(part)) throw this.#refuse(path, 'allOf', 'holds something that is no schema', 'Pass schemas')
      together = combine(together, this.#flat(part, path, depth), path)
    }
    return together
  }

  /** A schema without references and `allOf` of its own. */
  #flat(schema: Schema, path: string, depth: number): Schema {
    if (depth > DEPTH) throw this.#refuse(path, '$ref', 'leads back to itself', 'Break the circle')
    this.#checkKeywords(schema, path)
    const { $ref, allOf, ...rest } = schema
    let flat: Schema = rest
    const parts = [...($ref === undefined ? [] : [this.#at($ref, path)]), ...(allOf === undefined ? [] : this.#list(allOf, path, 'allOf'))]
    for (const part of parts) {
      if (part === true) continue
      flat = combine(flat, part === false ? { enum: [] } : isRecord(part) ? this.#flat(part, path, depth + 1) : {}, path)
    }
    return flat
  }

  #checkExclusive(options: readonly unknown[], path: string): void {
    const schemas = options.filter((option) => option !== false)
    const resolve = (option: unknown) => (isRecord(option) ? this.#flat(option, path, 0) : undefined)
    const flat = schemas.map(resolve)
    flat.forEach((one, index) => {
      for (const other of flat.slice(index + 1)) {
        if (one === undefined || other === undefined || [one, other].some((each) => 'anyOf' in each || 'oneOf' in each) || !exclude(one, other, resolve))
          throw this.#refuse(path, 'oneOf', 'has alternatives of which one value might satisfy two', "Write 'anyOf', or give each alternative a required property with a 'const' of its own")
      }
    })
  }

  #checkKeywords(schema: Schema, path: string): void {
    for (const keyword of Object.keys(schema)) {
      if (known.includes(keyword) || annotations.includes(keyword)) continue
      if (!beyond.includes(keyword)) {
        const close = nearest(keyword, [...known, ...beyond])
        throw this.#refuse(path, keyword, 'is no keyword', close === undefined ? 'Leave it out' : `Did you mean '${close}'?`)
      }
      if (keyword === 'uniqueItems' && schema[keyword] === false) continue
      throw this.#refuse(path, keyword, 'cannot be guaranteed while a text is written')
    }
    const types = Array.isArray(schema.type) ? (schema.type as unknown[]) : [schema.type]
    for (const type of types) {
      if (type !== undefined && !(schemaTypes as readonly unknown[]).includes(type)) throw this.#refuse(path, 'type', `is ${JSON.stringify(type)}`, `Choose among ${schemaTypes.join(', ')}`)
    }
  }

  #values(schema: Schema, path: string, depth: number): Expression {
    if (Object.hasOwn(schema, 'const') || Object.hasOwn(schema, 'enum')) return this.#listed(schema, path)
    const types = typesOf(schema)
    const asked = Object.keys(schema).some((keyword) => !annotations.includes(keyword))
    if (!asked) return this.#anything()
    return choice(...types.map((type) => this.#ofType(type, schema, path, depth)))
  }

  #ofType(type: SchemaType, schema: Schema, path: string, depth: number): Expression {
    switch (type) {
      case 'null':
        return text('null')
      case 'boolean':
        return choice(text('true'), text('false'))
      case 'integer':
      case 'number':
        return this.#number(type, schema, path)
      case 'string':
        return this.#string(schema, path)
      case 'array':
        return this.#array(schema, path, depth)
      case 'object':
        return this.#object(schema, path, depth)
    }
  }

  /** The values of `const` and `enum` that satisfy what else is asked. */
  #listed(schema: Schema, path: string): Expression {
    const values = Object.hasOwn(schema, 'const') ? [schema.const] : this.#list(schema.enum, path, 'enum')
    const allowed = Object.hasOwn(schema, 'const') && Object.hasOwn(schema, 'enum') ? new Set(this.#list(schema.enum, path, 'enum').map((value) => JSON.stringify(value))) : undefined
    const fitting = values.filter((value) => (allowed?.has(JSON.stringify(value)) ?? true) && this.#satisfies(value, schema, path))
    return choice(...fitting.map((value) => text(JSON.stringify(value) ?? 'null')))
  }

  #satisfies(value: unknown, schema: Schema, path: string): boolean {
    const type = typeOfValue(value)
    if (Object.hasOwn(schema, 'type') && !typesOf(schema).some((each) => each === type || (each === 'number' && type === 'integer'))) return false
    const bounds = this.#bounds(schema, path)
    if (typeof value === 'number') return value >= bounds.least && value <= bounds.most && !(bounds.aboveLeast && value === bounds.least) && !(bounds.belowMost && value === bounds.most)
    if (typeof value === 'string') {
      const { least, most } = this.#counts(schema, path, 'minLength', 'maxLength')
      const length = [...value].length
      if (length < least || length > most) return false
      for (const pattern of this.#patterns(schema, path)) if (!new RegExp(pattern, 'u').test(value)) return false
      return true
    }
    const more = Object.keys(schema).find((keyword) => ['properties', 'required', 'additionalProperties', 'items', 'prefixItems', 'additionalItems', 'minItems', 'maxItems'].includes(keyword))
    if (more !== undefined && typeof value === 'object' && value !== null) throw this.#refuse(path, more, "stands beside a list of objects or arrays in 'enum' or 'const'", 'List the values that satisfy it, and leave it out')
    return true
  }

  #number(type: 'integer' | 'number', schema: Schema, path: string): Expression {
    const bounds = this.#bounds(schema, path)
    if (bounds.least === -Infinity && bounds.most === Infinity) return type === 'integer' ? jsonInteger : jsonNumber
    return decimals(bounds, type === 'number')
  }

  #bounds(schema: Schema, path: string) {
    const bound = (keyword: string, none: number): number => {
      const value = schema[keyword]
      if (value === undefined) return none
      if (typeof value !== 'number' || !Number.isFinite(value)) throw this.#refuse(path, keyword, `is ${JSON.stringify(value)}, and no number`, 'Pass a number')
      return value
    }
    const [minimum, above, maximum, below] = [bound('minimum', -Infinity), bound('exclusiveMinimum', -Infinity), bound('maximum', Infinity), bound('exclusiveMaximum', Infinity)]
    return { least: Math.max(minimum, above), aboveLeast: above >= minimum && above > -Infinity, most: Math.min(maximum, below), belowMost: below <= maximum && below < Infinity }
  }

  #counts(schema: Schema, path: string, minimum: string, maximum: string): { least: number; most: number } {
    const count = (keyword: string, none: number): number => {
      const value = schema[keyword]
      if (value === undefined) return none
      if (!Number.isInteger(value) || (value as number) < 0) throw this.#refuse(path, keyword, `is ${JSON.stringify(value)}`, 'Pass a whole number from 0')
      if ((value as number) > COUNT && keyword.startsWith('min')) throw this.#refuse(path, keyword, `is more than ${COUNT}`, 'Ask for less')
      // More than any text will ever hold binds nothing.
      return (value as number) > COUNT ? Infinity : (value as number)
    }
    return { least: count(minimum, 0), most: count(maximum, Infinity) }
  }

  #patterns(schema: Schema, path: string): string[] {
    const { pattern, format } = schema
    if (pattern !== undefined && typeof pattern !== 'string') throw this.#refuse(path, 'pattern', 'is no string', 'Pass a regular expression')
    const fault = pattern === undefined ? undefined : faultOf(pattern)
    if (fault !== undefined) throw this.#refuse(path, 'pattern', `is no regular expression: ${fault}`, 'Write it as JavaScript has them, with the flag u')
    if (format !== undefined && (typeof format !== 'string' || !Object.hasOwn(schemaFormats, format))) throw this.#refuse(path, 'format', `is ${JSON.stringify(format)}, which cannot be guaranteed`, `Leave it out, or choose among ${Object.keys(schemaFormats).join(', ')}`)
    return [...(pattern === undefined ? [] : [pattern]), ...(format === undefined ? [] : [`^(?:${schemaFormats[format as string]})$`])]
  }

  #string(schema: Schema, path: string): Expression {
    const { least, most } = this.#counts(schema, path, 'minLength', 'maxLength')
    const [pattern, other] = this.#patterns(schema, path)
    if (least > most) return never
    if (other !== undefined) throw this.#refuse(path, 'pattern', "stands beside 'format'", 'Leave one of them out')
    if (pattern === undefined) return least === 0 && most === Infinity ? jsonString : sequence(text('"'), repeat(jsonCharacter, least, most), text('"'))
    const { expression, shortest, longest } = parseRegularExpression(pattern, jsonCharacters, (problem) => this.#refuse(path, 'pattern', problem, 'Use characters, classes, groups, |, quantifiers, and ^ and $ at the ends'))
    if (shortest < least || longest > most) throw this.#refuse(path, shortest < least ? 'minLength' : 'maxLength', "stands beside a 'pattern' that does not see to it by itself", 'Put the lengths into the pattern, such as ^[a-z]{2,8}$')
    return sequence(text('"'), expression, text('"'))
  }

  #array(schema: Schema, path: string, depth: number): Expression {
    const { least, most } = this.#counts(schema, path, 'minItems', 'maxItems')
    const listed = schema.prefixItems ?? (Array.isArray(schema.items) ? schema.items : undefined)
    const others = Array.isArray(schema.items) ? (schema.additionalItems ?? true) : (schema.items ?? true)
    const first = listed === undefined ? [] : this.#list(listed, path, 'prefixItems')
    const places = first.map((item, index) => this.#schema(item, `${path}/prefixItems/${index}`, depth + 1))
    const item = this.#schema(others, `${path}/items`, depth + 1)
    const comma = sequence(text(','), this.#blank)

    // From the last listed place back to the first: what may follow each.
    const after = Math.max(0, most - places.length)
    const rest = places.length > most ? never : repeat(sequence(comma, item), Math.max(0, least - places.length), after)
    let tail: Expression = places.length >= least ? choice(nothing, rest) : rest
    if (places.length === 0) {
      const some = most === 0 ? never : sequence(item, repeat(sequence(comma, item), Math.max(0, least - 1), most - 1))
      tail = least === 0 ? optional(some) : some
    }
    for (let index = places.length - 1; index >= 0; index--) {
      const one = index >= most ? never : sequence(...(index === 0 ? [] : [comma]), places[index]!, tail)
      tail = index >= least ? optional(one) : one
    }
    return sequence(text('['), this.#blank, tail, this.#blank, text(']'))
  }

  #object(schema: Schema, path: string, depth: number): Expression {
    const { properties = {}, required = [] } = schema
    if (!isRecord(properties)) throw this.#refuse(path, 'properties', 'is no object', 'Pass schemas by name')
    const needed = this.#list(required, path, 'required')
    if (!needed.every((name) => typeof name === 'string')) throw this.#refuse(path, 'required', 'holds something that is no name', 'Pass strings')

    // What is listed nowhere is written only where the schema speaks of it, or of nothing else.
    const additional = schema.additionalProperties ?? Object.keys(properties).length === 0
    const unlisted = (needed as string[]).filter((name) => !Object.hasOwn(properties, name)).map((name): [string, unknown] => [name, schema.additionalProperties ?? true])
    const listed = [...Object.entries(properties), ...new Map(unlisted)]
    const colon = sequence(text(':'), this.#blank)
    const comma = sequence(text(','), this.#blank)
    const pairs = listed.map(([name, value]) => ({
      pair: sequence(text(JSON.stringify(name)), colon, this.#schema(value, `${path}/properties/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`, depth + 1)),
      needed: needed.includes(name),
    }))
    const other = additional === false ? never : sequence(otherThan(listed.map(([name]) => name)), colon, this.#schema(additional, `${path}/additionalProperties`, depth + 1))

    // From the last property back to the first: what may follow where something was written, and where nothing was.
    let followed: Expression = additional === false ? nothing : repeat(sequence(comma, other), 0)
    let alone: Expression = additional === false ? nothing : optional(sequence(other, repeat(sequence(comma, other), 0)))
    for (const { pair, needed } of pairs.toReversed()) {
      const [with_, first] = [this.#named(followed), this.#named(alone)]
      followed = needed ? sequence(comma, pair, with_) : choice(sequence(comma, pair, with_), with_)
      alone = needed ? sequence(pair, with_) : choice(sequence(pair, with_), first)
    }
    return sequence(text('{'), this.#blank, alone, this.#blank, text('}'))
  }

  /** An expression under a name, so that it is compiled once however often it is used. */
  #named(expression: Expression): Expression {
    if (expression.kind === 'rule' || expression === nothing) return expression
    const name = `${this.rules.size}`
    this.rules.set(name, expression)
    return rule(name)
  }

  /** Any JSON value. */
  #anything(): Expression {
    if (!this.rules.has('any')) {
      this.rules.set('any', never)
      const value = rule('any')
      const list = (open: string, item: Expression, close: string) => sequence(text(open), this.#blank, optional(sequence(item, repeat(sequence(text(','), this.#blank, item), 0))), this.#blank, text(close))
      const pair = sequence(jsonString, text(':'), this.#blank, value)
      this.rules.set('any', choice(list('{', pair, '}'), list('[', value, ']'), jsonString, jsonNumber, text('true'), text('false'), text('null')))
    }
    return rule('any')
  }

  #list(value: unknown, path: string, keyword: string): unknown[] {
    if (!Array.isArray(value)) throw this.#refuse(path, keyword, 'is no array', 'Pass an array')
    return value as unknown[]
  }
}
