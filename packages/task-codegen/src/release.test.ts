import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { repetitionAt } from './ranking/repetition.js'
import { releasing } from './release.js'
import { createStructure } from './structure/structure.js'
import { samples } from './structure/test-samples.js'

const same = (text: string) => text

/** What is shown after each of some texts, one longer than the other. */
function shown(texts: readonly string[], { suffix = '', stop = [] as readonly string[], finish = same } = {}): string[] {
  const release = releasing(suffix, stop, finish)
  return texts.map((text) => release.next(text))
}

describe('what is shown of a completion', () => {
  it('comes as it is made, white space with what follows it', () => {
    expect(shown(['a', 'a ', 'a b', 'a b\n  ', 'a b\n  c d'])).toEqual(['a', '', ' b', '', '\n  c d'])
  })

  it('never holds the beginning of a stop text', () => {
    expect(shown(['x', 'x]', 'x])', 'x])!'], { stop: ['])}', '!!'] })).toEqual(['x', '', '', '])'])
  })

  it('holds a line back that may be the one behind the cursor', () => {
    expect(shown(['a', 'a\n  ret', 'a\n  return b', 'a\n  return c'], { suffix: '\n  return b\n}\n' })).toEqual(['a', '', '', '\n  return c'])
  })

  it('holds back what finishing it would cut, and what it closes', () => {
    const upTo = (text: string) => text.slice(0, text.includes('))') ? text.indexOf('))') + 1 : undefined)
    expect(shown(['f(a', 'f(a))', 'f(a)).b'], { finish: upTo })).toEqual(['f(a', ')', ''])
    expect(shown(['f(a', 'f(a ', 'f(a b'], { finish: (text) => `${text.trimEnd()})` })).toEqual(['f(a', '', ' b'])
  })

  it('holds back what may end a comment, a string or an element', () => {
    expect(shown(['a', 'a *', 'a */'])).toEqual(['a', '', ' */'])
    expect(shown(['a', 'a"', 'a""', 'a""" '])).toEqual(['a', '', '', '"""'])
    expect(shown(['a', 'a</', 'a</b', 'a</b>'])).toEqual(['a', '', '', '</b>'])
  })

  it('holds back a line that may be the one behind the cursor, however short that is', () => {
    expect(shown(['a\n', 'a\nb', 'a\nb:', 'a\nb: 2'], { suffix: '\nb: 1\n' })).toEqual(['a', '', '', '\nb: 2'])
  })

  it('holds back what stands behind the cursor in its line', () => {
    expect(shown(['f(a', 'f(a)', 'f(a))', 'f(a))x'], { suffix: ')\nb' })).toEqual(['f(a', '', ')', ')x'])
  })

  it('holds back blank lines, comments and a first word that may belong to what follows', () => {
    expect(shown(['\n', '\na\n\n', '\na\n\n# b', '\na\n\n# b\nc', '\na\n\n# b\nc = 1'])).toEqual(['', '\na', '', '', '\n\n# b\nc = 1'])
    expect(shown(['# a', '# a b'])).toEqual(['# a', ' b'])
  })

  it('has the line ends and the indentation of what is finished', () => {
    expect(shown(['a', 'a\n    b', 'a\n    b c'], { finish: (text) => text.replaceAll('\n', '\r\n').replaceAll('    ', '\t') })).toEqual(['a', '', '\r\n\tb c'])
  })

  it('is, all together, the final text, wherever it is divided', () => {
    const property = fc.property(fc.array(fc.stringMatching(/^[ab\n ();]{0,4}$/), { maxLength: 12 }), fc.stringMatching(/^[ab\n ();]{0,8}$/), fc.stringMatching(/^[ab();]{1,3}$/), fc.nat(6), (pieces, suffix, stop, cut) => {
      const release = releasing(suffix, [stop], same)
      let text = ''
      let all = ''
      for (const piece of pieces) all += release.next((text += piece))
      const final = text.slice(0, Math.max(0, text.length - cut)).trimEnd()
      const end = release.end(final)
      expect(all + end.rest).toBe(end.text)
      expect(cut > 0 || end.text === final).toBe(true)
    })
    fc.assert(property, { numRuns: 500 })
  })
})

describe('what is shown of code that is written at any place of a file', () => {
  it.each(samples)('is how the completion begins: %s', async (language, source) => {
    const random = seeded(11)
    for (let round = 0; round < 25; round++) {
      const at = random(source.length)
      const prefix = source.slice(0, at)
      const generated = `${source.slice(at, at + 40 + random(400))}${random(2) ? '\n\n// x\n# x\nother(1)\n' : ''}`
      const suffix = ['', source.slice(at), source.slice(source.indexOf('\n', at + random(150)))][random(3)]!
      const scope = (['auto', 'statement', 'block', 'function', 'line'] as const)[random(5)]!
      using structure = await createStructure({ prefix, suffix, language, scope })
      const release = releasing(suffix, [], structure.finish)
      let all = ''
      let cut: number | undefined
      let length = 0
      while (length < generated.length && cut === undefined) {
        length = Math.min(generated.length, length + 1 + random(6))
        const text = generated.slice(0, length)
        cut = [structure.until(text), repetitionAt(text, suffix, false)].reduce((least, each) => (each === undefined ? least : Math.min(least ?? each, each)), undefined)
        all += release.next(text.slice(0, cut))
      }
      const whole = generated.slice(0, cut ?? length)
      const final = structure.finish(whole.slice(0, repetitionAt(whole, suffix, true)))
      expect({ shown: final.startsWith(all) ? '' : all, final, scope, before: prefix.slice(-40) }).toMatchObject({ shown: '' })
    }
  })
})

const seeded = (seed: number) => (below: number) => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
  return Math.floor((seed / 2 ** 32) * below)
}
