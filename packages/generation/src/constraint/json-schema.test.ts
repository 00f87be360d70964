import { InvalidOptionError } from '@tenon/core'
import { Ajv2020 } from 'ajv/dist/2020.js'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { tokenizers } from '../text/test-tokenizers.js'
import { InvalidGrammarError, jsonSchema, UnsatisfiableConstraintError, UnsupportedSchemaError, type ConstraintFactory, type JsonSchemaOptions } from './index.js'
import { schemaFormats } from './schema-formats.js'
import { allows, tokenizerOf, write } from './test-generate.js'

const ajv = new Ajv2020({ strict: false, formats: Object.fromEntries(Object.entries(schemaFormats).map(([name, pattern]) => [name, new RegExp(`^(?:${pattern})$`, 'u')])) })

/** Pieces such as models have, that begin and end in the middle of JSON's parts. */
const pieces = tokenizerOf([...Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)), '\n', '\n  ', '": "', '",', '"}', '{"', '"],', '[]', '{}', ': ', ', "', '\\"', '\\n', '\\u', '00', 'true', 'false', 'null', '-1', '12', '.5', 'e+', 'é', '榫', '🪵', 'name', 'abc', '  ', '"]}', '}}', ':[', '":'])

/** Schemas within the known keywords. References name what $defs of the document hold. */
const { schema: arbitrary } = fc.letrec<{ schema: object | boolean }>((tie) => {
  const small = fc.nat({ max: 4 })
  const number = fc.oneof(fc.integer({ min: -1200, max: 1200 }), fc.integer({ min: -99999, max: 99999 }).map((value) => value / 1000), fc.constantFrom(0, 0.1, 1e-7, 123456789012, -1e21))
  const range = (type: string) => fc.tuple(number, number, fc.boolean(), fc.boolean(), fc.nat(3)).map(([a, b, out, over, which]) => {
    const [low, high] = [Math.min(a, b), Math.max(a, b) + 1]
    return { type, ...(which & 1 ? { [out ? 'exclusiveMinimum' : 'minimum']: low } : {}), ...(which & 2 ? { [over ? 'exclusiveMaximum' : 'maximum']: high } : {}) }
  })
  const names = fc.uniqueArray(fc.constantFrom('a', 'ab', 'abc', 'b', 'é', 'with "quotes"', '榫'), { maxLength: 4 })
  return {
    schema: fc.oneof(
      { maxDepth: 3, depthSize: 'small' },
      fc.constantFrom<object | boolean>({ type: 'null' }, { type: 'boolean' }, { type: 'string' }, { type: ['string', 'null'] }, { const: { a: [1, 'x'] } }, { enum: ['a', 'ab', 3, null] }, { type: 'string', enum: ['a', 1] }, { $ref: '#/$defs/list' }, { $ref: '#/$defs/tree', description: 'a tree' }),
      range('integer'),
      range('number'),
      fc.tuple(small, small).map(([least, more]) => ({ type: 'string', minLength: least, maxLength: least + more })),
      fc.constantFrom('^[a-c]{2,4}$', '^(?:ab|a?c)+$', '^\\d{3}-\\w$', 'b', '^\\p', 'x$|^y', '^[^a]$', '^.\\n?"\\\\$', '^\\u00e9|[\\u{1fa00}-\\u{1faff}]$').filter((pattern) => pattern !== '^\\p').map((pattern) => ({ type: 'string', pattern })),
      fc.constantFrom(...Object.keys(schemaFormats)).map((format) => ({ type: 'string', format })),
      fc.record({ type: fc.constant('array'), items: tie('schema') }),
      fc.tuple(tie('schema'), small, small).map(([items, least, more]) => ({ type: 'array', items, minItems: least, maxItems: least + more })),
      fc.tuple(fc.array(tie('schema'), { minLength: 1, maxLength: 3 }), tie('schema'), small).map(([prefixItems, items, minItems]) => ({ type: 'array', prefixItems, items, minItems })),
      fc.tuple(names, fc.array(tie('schema'), { minLength: 7, maxLength: 7 }), fc.nat(127), fc.oneof(fc.constant(undefined), fc.boolean(), tie('schema'))).map(([listed, schemas, needed, additionalProperties]) => ({
        type: 'object',
        properties: Object.fromEntries(listed.map((name, index) => [name, schemas[index]])),
        required: listed.filter((_, index) => needed & (1 << index)),
        ...(additionalProperties === undefined ? {} : { additionalProperties }),
      })),
      fc.array(tie('schema'), { minLength: 1, maxLength: 3 }).map((anyOf) => ({ anyOf })),
      fc.constant({ oneOf: [{ type: 'object', properties: { kind: { const: 'a' } }, required: ['kind'] }, { type: 'object', properties: { kind: { enum: ['b', 'c'] }, n: { type: 'integer' } }, required: ['kind', 'n'] }, { type: 'string' }] }),
      fc.constant({ allOf: [{ $ref: '#/$defs/point' }, { properties: { x: { maximum: 9 }, z: true } }], required: ['z'] }),
    ),
  }
})
const document = arbitrary.map((schema) => ({
  $defs: {
    list: { type: 'array', items: { $ref: '#/$defs/list' } },
    tree: { type: 'object', properties: { value: { type: 'integer' }, left: { $ref: '#/$defs/tree' }, right: { anyOf: [{ $ref: '#/$defs/tree' }, { type: 'null' }] } }, required: ['value', 'right'] },
    point: { type: 'object', properties: { x: { type: 'number', minimum: 0 } }, required: ['x'] },
  },
  allOf: [schema],
}))

/** A proxy that can be asked nothing any more. */
function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

/** The constraint to a schema; `undefined` where it was refused since nothing satisfies it. */
function satisfiable(schema: unknown, options?: JsonSchemaOptions): ConstraintFactory | undefined {
  try {
    return jsonSchema(schema, options)
  } catch (error) {
    if (error instanceof UnsatisfiableConstraintError) return undefined
    throw error
  }
}

/** TENON_SOAK=1 tries more. */
const runs = process.env['TENON_SOAK'] === '1' ? 2000 : 120

describe('a JSON schema', () => {
  it('is satisfied by whatever is written under it, whoever writes', { timeout: 60_000 }, async () => {
    let written = 0
    await fc.assert(
      fc.asyncProperty(document, fc.nat(1e6), fc.boolean(), fc.nat(60), async (schema, seed, whitespace, patience) => {
        const factory = satisfiable(schema, { whitespace })
        if (factory === undefined) return
        const { text } = await write(factory, pieces, pieces.end, seed, patience)
        const value: unknown = JSON.parse(text)
        const validate = ajv.compile(schema)
        expect(validate(value), `${text} under ${JSON.stringify(schema)}: ${JSON.stringify(validate.errors)}`).toBe(true)
        written++
      }),
      { numRuns: runs },
    )
    expect(written).toBeGreaterThan((runs * 2) / 3)
  })

  it.each(['byte-level', 'byte-fallback'] as const)('is satisfied with the tokens of a real tokenizer: %s', async (kind) => {
    const tokenizer = tokenizers[kind]
    const schema = { type: 'object', properties: { name: { type: 'string' }, count: { type: 'integer', minimum: 1 }, tags: { type: 'array', items: { type: 'string', maxLength: 12 }, minItems: 2 } }, required: ['name', 'tags'], additionalProperties: false }
    const validate = ajv.compile(schema)
    const end = kind === 'byte-level' ? tokenizer.idOf('<|endoftext|>')! : tokenizer.idOf('</s>')!
    for (let seed = 0; seed < 8; seed++) {
      const { text, tokens } = await write(jsonSchema(schema), tokenizer, end, seed)
      expect(validate(JSON.parse(text))).toBe(true)
      expect(await tokenizer.decode(tokens, { skipSpecialTokens: true })).toBe(text)
    }
  })

  it.each<[unknown, string[], string[], JsonSchemaOptions?]>([
    [{ type: 'object', properties: { a: { type: 'integer' }, b: { type: 'string' } }, required: ['a'] }, ['{"a":1}', '{"a": 1, "b": "x"}', '{\n  "a": -10,\n  "b": ""\n}'], ['{}', '{"b":"x"}', '{"a":1,"c":2}', '{"a":01}', '{"a":1', '{"b":"","a":1}', '{"a":1}\n', '{"a":1,}']],
    [{ type: 'object', properties: { a: { type: 'integer' } } }, ['{"a":1}', '{}'], ['{"a": 1}'], { whitespace: false }],
    [{ type: 'object', additionalProperties: { type: 'boolean' }, properties: { ab: { type: 'null' } } }, ['{}', '{"ab":null}', '{"a":true,"abc":false}', '{"ab":null,"":true}'], ['{"ab":true}', '{"\\u0061b":true}', '{"a":1}']],
    [{ type: 'object', required: ['x'] }, ['{"x":[{"y":null}]}', '{"x":1,"z":"a"}'], ['{}', '{"z":1}']],
    [{}, ['1', '"a"', '[1, [], {"a":{}}]', '-0.5e+10', 'null'], ['', 'nul', '[1', '01', '1.', '{"a"}', "'a'"]],
    [{ minimum: 3 }, ['3', '10.5'], ['"a"', '2.9']],
    [{ type: 'string', minLength: 2, maxLength: 3 }, ['"ab"', '"🪵榫a"', '"\\u00e9\\n"'], ['"a"', '"abcd"', '"\\ud83e\\udeb5"', '"ab']],
    [{ type: 'string', pattern: '^a+"?$' }, ['"a"', '"aa\\""'], ['""', '"b"', '"a"b"']],
    [{ type: 'string', pattern: 'b' }, ['"b"', '"abc"', '"\\nb\\\\"'], ['"ac"', '"\\u0062"']],
    [{ type: 'string', format: 'date' }, ['"2024-02-29"', '"1999-12-31"', '"2000-02-29"'], ['"2023-02-29"', '"1900-02-29"', '"2024-13-01"', '"2024-04-31"']],
    [{ type: 'array', prefixItems: [{ type: 'integer' }, { type: 'string' }], items: { type: 'null' }, minItems: 1, maxItems: 3 }, ['[1]', '[1, "a"]', '[1,"a",null]'], ['[]', '["a"]', '[1,2]', '[1,"a",null,null]']],
    [{ type: 'array', items: [{ type: 'integer' }], additionalItems: false }, ['[]', '[1]'], ['[1,2]']],
    [{ type: 'array', minItems: 2, items: { type: 'boolean' } }, ['[true, false]', '[true,false,true]'], ['[]', '[true]']],
    [{ enum: ['a"b', 1.5, null, [1, { x: 2 }]] }, ['"a\\"b"', '1.5', 'null', '[1,{"x":2}]'], ['1', '"a']],
    [{ type: 'integer', enum: [1, 'a', 2.5], minimum: 0 }, ['1'], ['"a"', '2.5']],
    [{ $ref: '#/definitions/n~1m', definitions: { 'n/m': { type: 'null' } } }, ['null'], ['1']],
    [{ $defs: { tree: { type: 'object', properties: { left: { $ref: '#/$defs/tree' } } } }, $ref: '#/$defs/tree' }, ['{}', '{"left":{"left":{}}}'], ['{"left":null}']],
    [{ type: 'object', properties: { a: {}, b: {} }, anyOf: [{ required: ['a'] }, { required: ['b'] }] }, ['{"a":1}', '{"b":1}', '{"a":1,"b":2}'], ['{}']],
  ])('allows what it should, and nothing else: %j', async (schema, good, bad, options) => {
    const factory = jsonSchema(schema, options)
    for (const text of good) expect([text, await allows(factory, text)]).toEqual([text, true])
    for (const text of bad) expect([text, await allows(factory, text)]).toEqual([text, false])
  })

  it('bounds numbers exactly, down to the last digit', async () => {
    const bound = fc.oneof(fc.integer({ min: -2000, max: 2000 }), fc.integer({ min: -99999, max: 99999 }).map((value) => value / 100), fc.constantFrom(0, 0.001, -0.001, 1e-9, 5e10))
    const candidate = fc.oneof(bound, fc.integer({ min: -3000, max: 3000 }), fc.integer({ min: -30000, max: 30000 }).map((value) => value / 1000))
    await fc.assert(
      fc.asyncProperty(bound, bound, fc.boolean(), fc.boolean(), fc.boolean(), fc.array(candidate, { minLength: 10, maxLength: 10 }), async (one, other, above, below, whole, candidates) => {
        const [low, high] = [Math.min(one, other), Math.max(one, other)]
        const inside = (value: number) => (above ? value > low : value >= low) && (below ? value < high : value <= high) && (!whole || Number.isInteger(value))
        const factory = satisfiable({ type: whole ? 'integer' : 'number', [above ? 'exclusiveMinimum' : 'minimum']: low, [below ? 'exclusiveMaximum' : 'maximum']: high })
        for (const value of [low, high, (low + high) / 2, ...candidates]) {
          const text = String(value)
          if (text.includes('e') || text.replace(/[-.]/g, '').length > 15) continue
          expect([text, low, high, factory !== undefined && (await allows(factory, text))]).toEqual([text, low, high, inside(value)])
        }
      }),
      { numRuns: 200 },
    )
  })

  it.each<[unknown, string, string]>([
    [{ not: { type: 'null' } }, '#', 'not'],
    [{ type: 'array', uniqueItems: true }, '#', 'uniqueItems'],
    [{ type: 'number', multipleOf: 2 }, '#', 'multipleOf'],
    [{ properties: { a: { patternProperties: {} } } }, '#/properties/a', 'patternProperties'],
    [{ type: 'string', format: 'email' }, '#', 'format'],
    [{ type: 'string', pattern: '(?=a)b' }, '#', 'pattern'],
    [{ type: 'string', pattern: '(a)\\1' }, '#', 'pattern'],
    [{ type: 'string', pattern: 'a\\b' }, '#', 'pattern'],
    [{ type: 'string', pattern: '(' }, '#', 'pattern'],
    [{ type: 'string', pattern: '^a*$', maxLength: 3 }, '#', 'maxLength'],
    [{ oneOf: [{ type: 'integer' }, { type: 'number' }] }, '#', 'oneOf'],
    [{ oneOf: [{ type: ['integer', 'object'], properties: { kind: { const: 1 } }, required: ['kind'] }, { type: ['number', 'object'], properties: { kind: { const: 2 } }, required: ['kind'] }] }, '#', 'oneOf'],
    [{ enum: ['a'], pattern: '(' }, '#', 'pattern'],
    [{ $ref: 'https://example.com/schema' }, '#', '$ref'],
    [{ $ref: '#/$defs/none' }, '#', '$ref'],
    [{ requird: ['a'] }, '#', 'requird'],
    [{ type: 'text' }, '#', 'type'],
    [{ type: 'string', minLength: -1 }, '#', 'minLength'],
    [{ allOf: [{ additionalProperties: false, properties: { a: {} } }, { properties: { b: {} } }] }, '#', 'additionalProperties'],
  ])('is refused where it cannot be guaranteed: %j', (schema, path, keyword) => {
    expect(() => jsonSchema(schema)).toThrow(UnsupportedSchemaError)
    expect(() => jsonSchema(schema)).toThrow(expect.objectContaining({ code: 'TENON_UNSUPPORTED_SCHEMA', path, keyword }))
  })

  it.each([null, 3, 'string', [], undefined, { properties: { a: 1 } }, { anyOf: {} }, { enum: 'a' }, { required: 'a' }, { properties: [] }])('is refused where it is none: %j', (schema) => {
    expect(() => jsonSchema(schema)).toThrow(UnsupportedSchemaError)
  })

  it.each<[string, unknown, string]>([
    ['a bigint', { const: 1n }, '#/const'],
    ['a number that is none', { enum: [1, NaN] }, '#/enum/1'],
    ['an endless bound', { type: 'number', maximum: Infinity }, '#/maximum'],
    ['a function', { enum: [() => true] }, '#/enum/0'],
    ['a symbol', { properties: { 'a/b': Symbol('schema') } }, '#/properties/a~1b'],
    ['nothing in a list', { enum: [undefined] }, '#/enum/0'],
    ['a date', { const: new Date(0) }, '#/const'],
    ['a function alone', () => true, '#'],
    ['a getter that throws', { properties: { get a(): never { throw new Error('not now') } } }, '#/properties'],
    ['a proxy that throws', { properties: { a: new Proxy({}, { ownKeys: () => { throw new Error('not here') } }) } }, '#/properties/a'],
    ['a proxy of which nothing is left', { items: revoked() }, '#/items'],
    ['a list without end', { enum: Object.assign([], { length: 4_000_000_000 }) }, '#'],
  ])('is refused where it holds what JSON does not: %s', (_, schema, path) => {
    expect(() => jsonSchema(schema)).toThrow(expect.objectContaining({ code: 'TENON_UNSUPPORTED_SCHEMA', path }))
  })

  it('is refused where it makes up its parts as they are asked for', () => {
    const endless = (): object => new Proxy({}, { ownKeys: () => ['anyOf', 'allOf'], getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true, value: undefined }), get: (_, key) => (key === 'toJSON' ? undefined : [endless(), endless()]) })
    expect(() => jsonSchema(endless())).toThrow(UnsupportedSchemaError)
  })

  it('is read once, when it is passed', async () => {
    const schema: Record<string, unknown> = { enum: ['a'] }
    let asked = 0
    const changing = { get enum() { return asked++ === 0 ? ['a'] : ['b', 1n] } }
    const factories = [jsonSchema(schema), jsonSchema(changing)]
    schema['enum'] = ['b']
    expect(asked).toBe(1)
    for (const factory of factories) expect([await allows(factory, '"a"'), await allows(factory, '"b"')]).toEqual([true, false])
  })

  it('is refused where a value in it leads back to itself, and not where a part stands in it twice', () => {
    const value: Record<string, unknown> = {}
    value['self'] = value
    expect(() => jsonSchema({ const: value })).toThrow(expect.objectContaining({ code: 'TENON_UNSUPPORTED_SCHEMA', path: '#/const/self' }))
    const twice = { type: 'string' }
    expect(() => jsonSchema({ properties: { a: twice, b: twice } })).not.toThrow()
  })

  it.each([false, { type: 'integer', minimum: 5, maximum: 4 }, { enum: [] }, { type: 'string', minLength: 3, maxLength: 2 }, { allOf: [{ type: 'string' }, { type: 'null' }] }, { required: ['a'], additionalProperties: false }, { $ref: '#' }, { $defs: { a: { type: 'object', properties: { a: { $ref: '#/$defs/a' } }, required: ['a'] } }, $ref: '#/$defs/a' }, { type: 'integer', exclusiveMinimum: 1, exclusiveMaximum: 2 }])('is refused where nothing satisfies it: %j', (schema) => {
    expect(() => jsonSchema(schema)).toThrow(UnsatisfiableConstraintError)
  })

  it('survives schemas that are deep, and those that lead back to themselves', () => {
    let deep: object = { type: 'null' }
    for (let level = 0; level < 5000; level++) deep = { type: 'array', items: deep }
    expect(() => jsonSchema(deep)).toThrow(UnsupportedSchemaError)
    expect(() => jsonSchema({ $ref: '#/$defs/a', $defs: { a: { allOf: [{ $ref: '#/$defs/a' }] } } })).toThrow(UnsupportedSchemaError)
  })

  it.each<[string, unknown]>([
    ['a name of 12,000 characters that others must differ from', { type: 'object', properties: { ['x'.repeat(12_000)]: {} }, additionalProperties: true }],
    ['200,000 values', { enum: Array.from({ length: 200_000 }, (_, index) => index) }],
    ['a pattern of 130,000 characters', { type: 'string', pattern: 'a'.repeat(130_000) }],
  ])('is refused where it is too large: %s', (_, schema) => {
    expect(() => jsonSchema(schema)).toThrow(InvalidGrammarError)
  })

  it('refuses options it does not know', () => {
    expect(() => jsonSchema({}, { indent: 2 } as JsonSchemaOptions)).toThrow(InvalidOptionError)
  })

  it('is told apart from a tokenizer that cannot spell it', async () => {
    const tokenizer = tokenizerOf(['[', '1', ','])
    await expect(write(jsonSchema({ type: 'array', minItems: 1, maxItems: 1, items: { const: 1 } }), tokenizer, tokenizer.end, 1)).rejects.toThrow(UnsatisfiableConstraintError)
  })
})
