import picocolors from 'picocolors'
import { describe, expect, it } from 'vitest'
import type { LocatedAnswer, LocatedSentence } from './answers.js'
import { confidence, renderAnswer } from './render-answer.js'
import { textWidth } from './text-width.js'

const plain = { colors: picocolors.createColors(false), width: 60 }
const colored = { colors: picocolors.createColors(true), width: 60 }

const sentence = (change: Partial<LocatedSentence> = {}): LocatedSentence => ({
  answer: 'Oak should dry for one year.',
  score: 0.82,
  source: 'wood/drying.md',
  line: 4,
  column: 7,
  start: 30,
  end: 58,
  passage: { source: 'wood/drying.md', headings: ['Wood', 'Drying'], text: 'Pine is quick. Oak should dry for one year. Keep it dry.', start: 15, end: 71, metadata: {}, score: 0.9 },
  ...change,
})
const answer = (change: Partial<LocatedAnswer> = {}): LocatedAnswer => ({ question: 'How long?', found: true, score: 0.82, answer: sentence(), alternatives: [], milliseconds: 3, ...change })

describe('an answer on a terminal', () => {
  it('is the sentence, its place, how sure it is, and what stands around it', () => {
    expect(renderAnswer(answer(), plain)).toEqual([
      'Oak should dry for one year.',
      '',
      'wood/drying.md:4:7  Wood › Drying',
      'likely · 0.82',
      '',
      '│ Pine is quick. Oak should dry for one year. Keep it dry.',
    ])
  })

  it('stands out in the passage, which is dimmed', () => {
    const { dim } = colored.colors
    expect(renderAnswer(answer(), colored).at(-1)).toBe(`${dim('│')} ${dim('Pine is quick. ')}Oak should dry for one year.${dim(' Keep it dry.')}`)
  })

  it('is not said twice when the passage holds nothing else', () => {
    const only = sentence({ passage: { ...sentence().passage, text: 'Oak should dry for one year.' } })
    expect(renderAnswer(answer({ answer: only }), plain)).toHaveLength(4)
  })

  it('names two alternatives that are worth it', () => {
    const alternatives = [0.6, 0.5, 0.4, 0.1].map((score, index) => sentence({ score, answer: `Sentence ${index}.`, line: index }))
    expect(renderAnswer(answer({ alternatives }), plain).slice(6)).toEqual([
      '',
      'Or else:',
      '  Sentence 0.',
      '  wood/drying.md:0:7  0.60  Wood › Drying',
      '  Sentence 1.',
      '  wood/drying.md:1:7  0.50  Wood › Drying',
    ])
    expect(renderAnswer(answer({ alternatives: alternatives.slice(3) }), plain)).toHaveLength(6)
  })

  it('that is none says so, with what came closest', () => {
    const lines = renderAnswer(answer({ found: false, answer: undefined, alternatives: [sentence({ score: 0.001 })] }), plain)
    expect(lines).toEqual(["I don't know. This came closest:", '', '  Oak should dry for one year.', '  wood/drying.md:4:7  < 0.01  Wood › Drying'])
  })

  it('fits the width in any script', () => {
    const text = '应县木塔建于1056年，高67米，是现存最高的古木塔，全塔靠斗拱和榫卯连接，历经多次地震而不倒。'
    const chinese = sentence({ answer: text, passage: { ...sentence().passage, headings: ['应县木塔', text], text: `${text} 榫头插入卯眼。` } })
    for (const line of renderAnswer(answer({ answer: chinese, alternatives: [chinese] }), plain)) expect(textWidth(line)).toBeLessThanOrEqual(60)
  })

  it('leaves out a place that is unknown', () => {
    const { line: _line, column: _column, ...gone } = sentence()
    expect(renderAnswer(answer({ answer: gone }), plain)).toContain('wood/drying.md  Wood › Drying')
  })
})

describe('confidence in words', () => {
  it.each([
    [0.95, 'very likely'],
    [0.8, 'likely'],
    [0.5, 'plausible'],
    [0.49, 'unlikely'],
  ])('calls %d %s', (score, words) => {
    expect(confidence(score)).toBe(words)
  })
})
