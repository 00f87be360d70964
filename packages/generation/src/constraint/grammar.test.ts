import { InvalidInputError, InvalidOptionError } from '@tenon/core'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { tokenizers } from '../text/test-tokenizers.js'
import { vocabularyOf } from '../text/index.js'
import { grammar, InvalidGrammarError, UnsatisfiableConstraintError } from './index.js'
import { allows, tokenizerOf, write } from './test-generate.js'

const arithmetic = `
  # sums and products
  root   ::= term ([-+] term)*
  term   ::= factor ("*" factor)*
  factor ::= [0-9]+ | "(" root ")"
`

describe('a grammar', () => {
  it.each<[string, string[], string[]]>([
    [arithmetic, ['1', '(1+2)*3-40', '((7))'], ['', '1+', '(1', '1**2', 'a']],
    ['root ::= "a" | "b" root', ['a', 'ba', 'bbba'], ['b', 'ab', '']],
    ["root ::= 'it''s' \"\\n\\t\\x41\\u00e9\\U0001fab5\\\\\\\"\"", ['its\n\tAé🪵\\"'], ["it's"]],
    ['root ::= [^a-c\\]x]+', ['d]'.slice(0, 1), '榫🪵é'], ['a', 'dxd', ']', '']],
    ['root ::= [a-cα-γ\\-]{2,3}', ['ab', 'αβγ', '-a-'], ['a', 'abca', 'δδ']],
    ['root ::= .', ['a', '\n', '🪵', '榫'], ['', 'ab']],
    ['root ::= ("a"{2})* "b"? | "c"{,2} "d"{1,}', ['', 'aab', 'b', 'd', 'ccddd'], ['a', 'aaab', 'cc', 'cccd']],
    ['root ::= x-1 | y_2\nx-1 ::=\n  "a"\n  | "b"\ny_2 ::= "c"\n  "d"', ['a', 'b', 'cd'], ['c', 'ab']],
    ['root ::= | "a"', ['', 'a'], ['aa']],
    ['root ::= s\ns ::= "(" s ")" s | ""', ['', '()', '(())()'], ['(', ')', '(()']],
    // Two readings of everything
    ['root ::= a* b*\na ::= "x" | "xx"\nb ::= "x"? "y"', ['', 'xxxxxxx', 'xxxyxyy'], ['yx', 'z']],
  ])('allows what it generates, and nothing else: %s', async (source, good, bad) => {
    const factory = grammar(source)
    for (const text of good) expect([text, await allows(factory, text)]).toEqual([text, true])
    for (const text of bad) expect([text, await allows(factory, text)]).toEqual([text, false])
  })

  it('may begin with another rule', async () => {
    expect(await allows(grammar('a ::= "x"\nb ::= a a', { root: 'b' }), 'xx')).toBe(true)
  })

  it('reads character sets as regular expressions do, over all of Unicode', async () => {
    const point = fc.oneof(fc.integer({ min: 0, max: 0x200 }), fc.integer({ min: 0, max: 0x10ffff }), fc.constantFrom(0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff, 0x10000, 0x10ffff)).filter((value) => value < 0xd800 || value > 0xdfff)
    const hex = (value: number) => `\\U${value.toString(16).padStart(8, '0')}`
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(point, point), { minLength: 1, maxLength: 4 }), fc.boolean(), fc.array(point, { minLength: 5, maxLength: 5 }), async (pairs, negated, points) => {
        const ranges = pairs.map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const)
        const follower = (value: number) => (value === 0xd7ff ? 0xe000 : value + 1)
        const covered = ranges.toSorted(([a], [b]) => a - b).reduce((end, [first, last]) => (first <= follower(end) ? Math.max(end, last) : end), -1)
        fc.pre(!(negated && covered === 0x10ffff)) // what allows nothing is refused
        const factory = grammar(`root ::= [${negated ? '^' : ''}${ranges.map(([first, last]) => `${hex(first)}-${hex(last)}`).join('')}]`)
        for (const value of [...points, ...ranges.flat()]) {
          const expected = ranges.some(([first, last]) => first <= value && value <= last) !== negated
          expect([value, await allows(factory, String.fromCodePoint(value))]).toEqual([value, expected])
        }
      }),
      { numRuns: 150 },
    )
  })

  it.each(['byte-level', 'byte-fallback'] as const)('holds whatever is written under it: %s', async (kind) => {
    const tokenizer = tokenizers[kind]
    const end = kind === 'byte-level' ? tokenizer.idOf('<|endoftext|>')! : tokenizer.idOf('</s>')!
    const factory = grammar('root ::= "{" ("🪵" | [榫卯木]{1,3} | " joint" | [a-e]{1,4} ".")* "}"')
    for (let seed = 0; seed < 6; seed++) {
      const { text, tokens } = await write(factory, tokenizer, end, seed)
      expect(text).toMatch(/^\{(?:🪵|[榫卯木]{1,3}| joint|[a-e]{1,4}\.)*\}$/u)
      expect(await tokenizer.decode(tokens, { skipSpecialTokens: true })).toBe(text)
    }
  })

  it.each<[string, string]>([
    ['root ::= "a', 'line 1, column 10'],
    ['root ::= [a', 'line 1, column 10'],
    ['root ::= ("a"', "Add )"],
    ['root ::= "a")', "line 1, column 13"],
    ['root ::= "a"\nfoo', 'line 2'],
    ['root = "a"', '::='],
    ['::= "a"', 'where a rule begins'],
    ['root ::= number\nnumbr ::= "1"', "Did you mean 'numbr'?"],
    ['start ::= "a"', "{ root: 'start' }"],
    ['root ::= "a"\nroot ::= "b"', 'twice'],
    ['root ::= [b-a]', 'backwards'],
    ['root ::= "a"{3,2}', '3 to 2'],
    ['root ::= "a"{x}', '{n,m}'],
    ['root ::= "a"{1000000}', 'repetitions'],
    ['root ::= "\\q"', '\\q'],
    ['root ::= "\\ud800"', 'no character'],
    ['root ::= root "a" | "b"', 'left-recursive'],
    ['root ::= a\na ::= " "? b\nb ::= a "x" | "y"', 'left-recursive'],
    ['root ::= ("a"{99999}){99999} ("b"{99999}){99999}', 'states'],
    ['', "no rule 'root'"],
  ])('says what is wrong with it, and where: %s', (source, message) => {
    expect(() => grammar(source)).toThrow(InvalidGrammarError)
    expect(() => grammar(source)).toThrow(expect.objectContaining({ code: 'TENON_INVALID_GRAMMAR', message: expect.stringContaining(message) }))
  })

  it('is refused where it nests deeper than can be followed', () => {
    expect(() => grammar(`root ::= "a"${'?'.repeat(50_000)}`)).toThrow(InvalidGrammarError)
  })

  it.each(['root ::= "a" root', 'root ::= a\na ::= "x" b\nb ::= "y" a', 'root ::= []'])('is refused where no text fits: %s', (source) => {
    expect(() => grammar(source)).toThrow(UnsatisfiableConstraintError)
  })

  it('leaves out ways that lead nowhere', async () => {
    expect(await allows(grammar('root ::= "a" loop | "a" "b"\nloop ::= "b" loop'), 'ab')).toBe(true)
    const tokenizer = tokenizerOf(['a', 'b', 'c'])
    const { text } = await write(grammar('root ::= "c" loop | "a" "b"\nloop ::= "b" loop'), tokenizer, tokenizer.end, 4)
    expect(text).toBe('ab')
  })

  it('is held to bounds where it can be read in ever more ways', async () => {
    const factory = grammar('root ::= s\ns ::= "a" s "b" | "a" s "c" | "a" s s | "d"')
    await expect(allows(factory, 'a'.repeat(200))).rejects.toThrow(InvalidGrammarError)
  })

  it('takes no more memory for a longer list', async () => {
    for (const source of ['root ::= item*\nitem ::= [a-z]+ ","', 'root ::= item root | item\nitem ::= [a-z]+ ","']) {
      const constraint = await grammar(source)(tokenizerOf(['ab,', 'c']), [2])
      for (let index = 0; index < 50_000; index++) if (!constraint.accept(0)) throw new Error('refused')
      expect(constraint.complete).toBe(true)
    }
  })

  it('is refused where it is no text, or has other options', () => {
    expect(() => grammar(3 as unknown as string)).toThrow(InvalidInputError)
    expect(() => grammar('root ::= "a"', { start: 'a' } as object)).toThrow(InvalidOptionError)
    expect(() => grammar('root ::= "a"', { root: 3 as unknown as string })).toThrow(InvalidOptionError)
  })
})

describe('a constraint', () => {
  const tokenizer = tokenizers['byte-level']
  const end = tokenizer.idOf('<|endoftext|>')!
  const { size } = vocabularyOf(tokenizer)
  const factory = grammar('root ::= ([a-z ]{1,9} "." | "北京" [0-9]*){2} | "the gate"')

  it('leaves exactly the tokens it would accept, and their logits as they were', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(1e6), { maxLength: 12 }), async (choices) => {
        const constraint = await factory(tokenizer, [end])
        for (const pick of choices) {
          const logits = Float32Array.from({ length: size + 5 }, (_, id) => id / 7)
          constraint.mask(logits)
          const left = [...logits.keys()].filter((id) => logits[id] !== -Infinity)
          const accepted = Array.from({ length: size + 5 }, (_, id) => id).filter((id) => constraint.fork().accept(id))
          expect(left).toEqual(accepted)
          expect(left.every((id) => logits[id] === Math.fround(id / 7))).toBe(true)
          expect(left.includes(end)).toBe(constraint.complete)
          if (constraint.finished || left.length === 0) return
          constraint.accept(left[pick % left.length]!)
        }
      }),
      { numRuns: 40 },
    )
  })

  it('goes back, and on in another way, as if nothing had been', async () => {
    const [a, b] = await Promise.all([factory(tokenizer, [end]), factory(tokenizer, [end])])
    const ids = async (text: string) => (await tokenizer.encode(text, { addSpecialTokens: false })).ids
    const [first, wrong, second] = await Promise.all(['gate.', 'open and', '北京12'].map(ids))
    for (const id of [...first!, ...wrong!]) expect(a.accept(id)).toBe(true)
    a.rollback(wrong!.length)
    const copy = a.fork()
    for (const id of second!) expect(a.accept(id)).toBe(true)
    for (const id of [...first!, ...second!]) b.accept(id)
    const masks = [a, b].map((constraint) => {
      const logits = new Float32Array(size)
      constraint.mask(logits)
      return [...logits]
    })
    expect(masks[0]).toEqual(masks[1])
    expect([a.complete, copy.complete]).toEqual([true, false])
    expect(() => copy.rollback(first!.length + 1)).toThrow(InvalidInputError)
  })

  it('lets an end token come where the text is complete, and nothing after it', async () => {
    const constraint = await grammar('root ::= "a" "b"?')(tokenizer, [end])
    expect([constraint.accept(end), constraint.complete, constraint.finished]).toEqual([false, false, false])
    expect([constraint.accept(tokenizer.idOf('a')!), constraint.complete, constraint.finished]).toEqual([true, true, false])
    expect([constraint.accept(end), constraint.finished, constraint.accept(end), constraint.accept(tokenizer.idOf('b')!)]).toEqual([true, true, false, false])
    const logits = new Float32Array(size)
    constraint.mask(logits)
    expect(logits.every((logit) => logit === -Infinity)).toBe(true)
    constraint.rollback(1)
    expect([constraint.accept(tokenizer.idOf('b')!), constraint.finished]).toEqual([true, true])
  })

  it('never takes special tokens for the text they are named by', async () => {
    const constraint = await grammar('root ::= .*')(tokenizer, [])
    expect(constraint.accept(end)).toBe(false)
  })
})
