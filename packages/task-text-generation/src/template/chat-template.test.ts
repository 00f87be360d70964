import { readFileSync } from 'node:fs'
import { array, assert, constantFrom, oneof, property, string } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ChatTemplateError } from '../errors/chat-template-error.js'
import { plainMessages, type Message } from '../messages.js'
import { ChatTemplate, type RenderOptions } from './chat-template.js'

interface Rendered {
  readonly template: string
  readonly text?: string
  readonly error?: string
}

interface Fixtures {
  readonly templates: Readonly<Record<string, string>>
  readonly conversations: Readonly<Record<string, readonly Message[]>>
  readonly tools: readonly unknown[]
  readonly documents: readonly unknown[]
  readonly cases: readonly (Rendered & { readonly messages: string; readonly variables: Readonly<Record<string, unknown>> })[]
  readonly values: Readonly<Record<string, unknown>>
  readonly parts: readonly Rendered[]
}

const fixtures = JSON.parse(readFileSync(new URL('../../fixtures/templates.json', import.meta.url), 'utf8')) as Fixtures
const specials = { bos_token: '<s>', eos_token: '</s>', unk_token: '<unk>', tools: null, documents: null, add_generation_prompt: false }

const thrown = (work: () => unknown): unknown => {
  try {
    return work()
  } catch (error) {
    return error
  }
}

/** What was rendered; `undefined` where it could not be, and that was told as it should. */
const textOf = (result: unknown): unknown => (result instanceof ChatTemplateError ? undefined : result)

const rendering = (source: string, variables: Readonly<Record<string, unknown>> = {}, options?: RenderOptions) => thrown(() => new ChatTemplate(source, 'under test').render(variables, options))

describe('what transformers renders', () => {
  it.each(fixtures.cases.map((each) => [`${each.template}, ${each.messages}, ${JSON.stringify(each.variables)}`, each] as const))('is rendered here too: %s', (_, { template, messages, variables, text }) => {
    const data = Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, value === 'TOOLS' ? fixtures.tools : value === 'DOCUMENTS' ? fixtures.documents : value]))
    const result = rendering(fixtures.templates[template]!, { ...specials, messages: plainMessages(fixtures.conversations[messages]!), ...data })
    expect(textOf(result)).toBe(text)
  })

  it.each(fixtures.parts.map((each) => [each.template, each] as const))('is rendered part by part: %s', (_, { template, text }) => {
    const result = rendering(template, { ...specials, messages: fixtures.conversations['one'], ...fixtures.values })
    expect(textOf(result)).toBe(text)
  })

  it('tells the date', () => {
    const now = new Date(2026, 6, 5, 14, 3, 9)
    expect(rendering("{{ strftime_now('%Y-%m-%d %d %b %B %A %a %H:%M:%S %I %p %j %y %% %-d %e %q') }}", {}, { now })).toBe('2026-07-05 05 Jul July Sunday Sun 14:03:09 02 PM 186 26 % 5  5 %q')
    expect(rendering("{{ strftime_now('%Y') }}")).toBe(String(new Date().getFullYear()))
  })
})

describe('a template', () => {
  it.each<[string, string, string]>([
    ['an unknown tag', "line\n{% include 'other' %}", "has the unknown tag 'include' (line 2)"],
    ['an unknown filter', '{{ 1 | shuffle }}', "has the unknown filter 'shuffle' (line 1)"],
    ['an unknown test', '{{ 1 is shiny }}', "has the unknown test 'shiny' (line 1)"],
    ['an open block', '\n\n{% if true %}', 'ends before its {% endif %} (line 3)'],
    ['an open tag', '{{ 1', 'has a {{ without its end (line 1)'],
    ['a sign that is none', '{{ 1 ? 2 }}', "has an unexpected character '?'"],
    ['a wrong bracket', '{{ [1) }}', "has an unexpected ')'"],
  ])('says what it cannot read: %s', (_, source, message) => {
    const error = rendering(source)
    expect(error).toBeInstanceOf(ChatTemplateError)
    expect(error).toMatchObject({ code: 'TENON_CHAT_TEMPLATE', reason: 'syntax', template: 'under test', message: expect.stringContaining(`The chat template under test ${message}`) })
  })

  it('may refuse messages, in its own words', () => {
    const error = rendering("{% for m in messages %}\n{{ raise_exception('Only user messages, please!') }}{% endfor %}", { messages: [{}] })
    expect(error).toMatchObject({ reason: 'raised', line: 2, message: 'The chat template under test refuses the messages: Only user messages, please (line 2). Change the messages to what the template takes.' })
  })

  it('says what it lacks', () => {
    expect(rendering('{{ tools.first.name }}', { tools: {} })).toMatchObject({ reason: 'failed', message: expect.stringContaining("uses 'first' of a value of the type dict, which does not have it") })
    expect(rendering('{{ absent.name }}')).toMatchObject({ message: expect.stringContaining("uses 'absent', which is undefined") })
  })

  it('reaches nothing of JavaScript', () => {
    for (const name of ['constructor', '__proto__', 'prototype', 'toString', 'hasOwnProperty', '__class__', '__globals__']) {
      for (const of of ["''", '[]', '{}', '1', 'none', 'range', 'data']) expect(rendering(`{{ ${of}.${name} is defined }}{{ ${of}['${name}'] is defined }}{{ ${name} is defined }}`, { data: { a: 1 } }), `${of}.${name}`).toBe('FalseFalseFalse')
    }
    expect(rendering("{{ data.__proto__ }}{{ {'__proto__': 1}['__proto__'] }}", { data: JSON.parse('{"__proto__": "own"}') })).toBe('own1')
    expect(rendering('{{ 1 | constructor }}')).toMatchObject({ reason: 'syntax' })
    expect(rendering('{{ 1 is constructor }}')).toMatchObject({ reason: 'syntax' })
  })

  it('leaves what it is given as it was', () => {
    const messages = [{ role: 'user', content: 'a' }]
    rendering("{% set messages = messages + [1] %}{% set messages = [] %}{% for m in messages %}{% set m = 1 %}{% endfor %}", { messages })
    expect(messages).toEqual([{ role: 'user', content: 'a' }])
  })
})

const grown = (times: number, of = 'x') => `{% set ns = namespace(s='${of}', l=[1]) %}{% for i in range(${times}) %}{% set ns.s = ns.s + ns.s %}{% set ns.l = ns.l + ns.l %}{% endfor %}`

describe('what a template may cost', () => {
  it.each([
    ['a loop over a billion', '{% for i in range(1000000000) %}{% endfor %}'],
    ['loops in loops', '{% for i in range(9999) %}{% for j in range(9999) %}{% for k in range(9999) %}x{% endfor %}{% endfor %}{% endfor %}'],
    ['a text that doubles', `${grown(40)}{{ ns.s | upper }}`],
    ['a text that doubles, split', `{% set ns = namespace(s='x') %}{% for i in range(21) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{% for i in range(1000) %}{% set a = ns.s.split('x') %}{% endfor %}`],
    ['a list that doubles', grown(60, '')],
    ['lists in lists, printed', '{% set ns = namespace(l=[1]) %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}'],
    ['lists in lists, as JSON', '{% set ns = namespace(l=[1]) %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l | tojson }}'],
    ['lists in lists, compared', '{% set ns = namespace(l=[1], m=[1]) %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% set ns.m = [ns.m, ns.m] %}{% endfor %}{{ ns.l == ns.m }}'],
    ['a deep list', '{% set ns = namespace(l=[]) %}{% for i in range(100000) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l }}'],
    ['a macro that calls itself', '{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}'],
    ['a loop that calls itself', '{% set ns = namespace(n=[1]) %}{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}'],
    ['a repeated text', "{{ 'x' * 100000000000 }}"],
    ['a repeated list', '{{ [1] * 100000000000 }}'],
    ['a wide indent', "{{ 'a\\nb' | indent(2000000000) }}"],
    ['a wide JSON', '{{ [[1]] | tojson(indent=2000000000) }}'],
    ['a wide text', "{{ 'a'.center(2000000000) }}"],
    ['a wide number', "{{ '%2000000000d' % 1 }}"],
    ['a text that grows by replacing', "{% set ns = namespace(s='x') %}{% for i in range(100) %}{% set ns.s = ns.s | replace('x', 'xx') %}{% endfor %}{{ ns.s }}"],
    ['a text that grows by joining', "{% set ns = namespace(s='xx') %}{% for i in range(100) %}{% set ns.s = ns.s | join(ns.s) %}{% endfor %}"],
    ['a long output', "{% for i in range(300000) %}0123456789012345678901234567890123456789{% endfor %}"],
    ['many batches', '{{ [1] | batch(1000000000, 0) }}'],
    ['many slices', '{{ [1] | slice(1000000000) | list | length }}'],
  ])('is bounded: %s', (_, source) => {
    const began = performance.now()
    const error = rendering(source)
    expect(error).toBeInstanceOf(ChatTemplateError)
    expect(error).toMatchObject({ reason: 'limit' })
    expect(performance.now() - began).toBeLessThan(10_000) // about 1 s alone, at worst
  })

  // 200,000 characters are read thousands of times, by calls of a step or two: unpaid, that took minutes, and ended with a text.
  const long = "{% set s = 'a' * 200000 %}{% set digits = '1' * 200000 ~ 'x' %}{% set d = {'a': 1} %}{% set blanks = [''] * 50000 %}{% set zeros = [0] * 50000 %}"
  it.each([
    ['int', 's|int'],
    ['float', 's|float'],
    ['int in another base', "s|int(0, 16)"],
    ['digits that are no number', 'digits|float'],
    ['attr', 'd|attr(s)'],
    ['map by an attribute', '[d]|map(attribute=s)|list'],
    ['sort without case', "[s, 'b']|sort"],
    ['max without case', "[s, 'b']|max"],
    ['unique without case', '[s]|unique'],
    ['strip', "'b'.strip(s)"],
    ['trim', "'b'|trim(s)"],
    ['a format without places', 's % ()'],
    ['the filter format', 's|format'],
    ['strftime_now', 'strftime_now(s)'],
    ['is lower', 's is lower'],
    ['is upper', 's is upper'],
    ['a key', "d[s ~ 'b']"],
    ['a key that was added to', "d[s + 'b']"],
    ['get', "d.get(s + 'b')"],
    ['a key that is looked for', "(s + 'b') in d"],
    ['a dict of such a key', "{s + 'b': 1}"],
    ['sum', 'zeros|sum'],
    ['join', "blanks|join"],
    ['max of many', 'zeros|max'],
    ['unique of many', 'zeros|unique'],
  ])('is paid for however little is said of it: %s', (_, expression) => {
    const source = `${long}{% for i in range(300) %}{% set x = ${expression} %}{% endfor %}`
    expect(rendering(source, {}, { steps: 500_000 })).toMatchObject({ reason: 'limit' })
  })

  it.each([
    ['zfill', "'a'.zfill(-10 ** 15)"],
    ['indent', "'a'|indent(-10 ** 15)"],
    ['JSON', '[1]|tojson(indent=-10 ** 15)'],
    ['no number', "'a'.zfill(10 ** 400 - 10 ** 400)"],
    ['a text as often as no number', "'a' * (10 ** 400 - 10 ** 400)"],
  ])('is bounded behind a width below nothing, too: %s', (_, expression) => {
    expect(rendering(`{{ ${expression} }}{% for i in range(30000) %}{% endfor %}`, {}, { steps: 20_000 })).toMatchObject({ reason: 'limit' })
  })

  it.each(['is lower', 'is upper', 'is filter', 'is test'])('is bounded where lists in lists are read as a text: %s', (test) => {
    const source = `{% set ns = namespace(l=['a']) %}{% for i in range(24) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l ${test} }}{{ 'a'.startswith((ns.l,)) }}`
    const began = performance.now()
    expect(rendering(source)).toBeInstanceOf(ChatTemplateError)
    expect(performance.now() - began).toBeLessThan(1_000)
  })

  it.each([
    ['in', "part in text"],
    ['find', 'text.find(part)'],
    ['rfind', "text.rfind(part)"],
    ['split', 'text.split(part)'],
    ['replace', "text|replace(part, '')"],
    ['count', 'text.count(part)'],
    ['rpartition', 'text.rpartition(part)'],
  ])('is bounded where a long text is looked for that is nearly there: %s', (_, expression) => {
    const source = `{% set text = 'a' * 400000 %}{% set part = 'b' ~ 'a' * 100000 ~ 'b' %}{{ ${expression} }}`
    const began = performance.now()
    expect(rendering(source)).toMatchObject({ reason: 'limit' })
    expect(performance.now() - began).toBeLessThan(2_000)
  })

  it.each([
    ['brackets', `{{ ${'('.repeat(100_000)}1${')'.repeat(100_000)} }}`],
    ['signs', `{{ ${'-'.repeat(100_000)}1 }}`],
    ['negations', `{{ ${'not '.repeat(100_000)}1 }}`],
    ['blocks', '{% if 1 %}'.repeat(50_000)],
    ['conditions', `{% if 1 %}${'{% elif 1 %}'.repeat(50_000)}{% endif %}`],
    ['sums', `{{ 1${' + 1'.repeat(100_000)} }}`],
    ['members', `{{ a${'.a'.repeat(100_000)} }}`],
    ['a template of two megabytes', 'x'.repeat(2_000_000)],
  ])('is bounded where the template itself is huge: %s', (_, source) => {
    expect(rendering(source)).toBeInstanceOf(ChatTemplateError)
  })

  it('is enough for a thousand messages through the longest template', () => {
    const messages = Array.from({ length: 1000 }, (_, index) => ({ role: index % 2 === 0 ? 'user' : 'assistant', content: `${'word '.repeat(200)}<think>\n${index}\n</think>\n` }))
    for (const name of ['thinking', 'inst-tools', 'chat-ml', 'marks']) {
      const text = rendering(fixtures.templates[name]!, { ...specials, messages, tools: fixtures.tools })
      expect(text).toBeTypeOf('string')
      expect((text as string).length).toBeGreaterThan(500_000)
    }
  })

  it('is refused where data nests too deep', () => {
    let data: unknown = 1
    for (let depth = 0; depth < 1000; depth++) data = [data]
    expect(rendering('x', { data })).toBeInstanceOf(ChatTemplateError)
  })

  it('never ends otherwise than with a text or a coded error', () => {
    const pieces = fixtures.parts.flatMap(({ template }) => template.match(/\{\{.*?\}\}|\{%.*?%\}|\w+|[^\w\s]/g) ?? [])
    assert(
      property(array(oneof(constantFrom(...pieces), string()), { maxLength: 12 }), (some) => {
        const result = rendering(some.join(' '), { ...specials, messages: [], ...fixtures.values }, { steps: 20_000 })
        expect(typeof result === 'string' || result instanceof ChatTemplateError).toBe(true)
      }),
      { numRuns: 2000, seed: 5 },
    )
  })
})
