import { describe, expect, it } from 'vitest'
import { mergeGroups } from './merge-windows.js'

describe('entities of two windows that overlap', () => {
  const text = 'the 🪵 gate'
  const group = (start: number, end: number, score: number) => ({ entity_group: 'PER', score, word: text.slice(start, end), start, end })

  it('are as long as the text has characters, so that of two as long the surer stays', () => {
    const [surer, other] = [group(2, 6, 0.9), group(4, 8, 0.5)] // 'e 🪵' and '🪵 g', of three characters each
    expect(mergeGroups(text, [[surer], [other]])).toEqual([surer])
    const [short, wide] = [group(1, 4, 0.9), group(3, 6, 0.5)] // 'he ' has three, ' 🪵' two
    expect(mergeGroups(text, [[short], [wide]])).toEqual([short])
  })

  it('stay the longer, however sure', () => {
    expect(mergeGroups(text, [[group(0, 3, 0.9)], [group(2, 10, 0.1)]])).toEqual([group(2, 10, 0.1)])
  })
})
