import { describe, expect, it } from 'vitest'
import { beginningOfRepetition, repetitionAt } from './repetition.js'

const suffix = '\n\n    total += price\n    return total\n'

describe('a completion that goes on with what stands behind the cursor', () => {
  it('ends before that', () => {
    expect(repetitionAt('price = 1\n\n    total += price\n', suffix, false)).toBe('price = 1'.length)
    expect(repetitionAt('price = 1\n    total += price', suffix, true)).toBe('price = 1'.length)
  })

  it('ends before the empty lines of a comment, too', () => {
    const comment = ' of\n *\n * Returns the total.\n */\n'
    expect(repetitionAt(' of prices.\n *\n * Returns the total.\n', comment, false)).toBe(' of prices.'.length)
    expect(repetitionAt('\n *\n * Returns the total.\n', comment, false)).toBe(0)
  })

  it('ends before a closing tag in the same column, and before no other', () => {
    expect(repetitionAt('<li>\n  </li>\n</ul>\n', '\n</ul>\n', false)).toBe('<li>\n  </li>'.length)
    expect(repetitionAt('<div>\n  </div>\n', '\n</div>\n', true)).toBeUndefined()
    expect(beginningOfRepetition('a\n</', '\n</ul>\n')).toBe(2)
  })

  it('is told when the line has ended', () => {
    expect(repetitionAt('price = 1\n    total += price', suffix, false)).toBeUndefined()
    expect(repetitionAt('price = 1\n    total += price + 1\n', suffix, false)).toBeUndefined()
  })

  it('is none where the line is a bracket, or the cursor\u2019s own', () => {
    expect(repetitionAt('a\n}\n', '\n}\n', true)).toBeUndefined()
    expect(repetitionAt('total += price\n', suffix, true)).toBeUndefined()
    expect(repetitionAt('a\nb\n', '', true)).toBeUndefined()
  })

  it('may be one from the line on whose beginning it is', () => {
    expect(beginningOfRepetition('a\n    tot', suffix)).toBe(2)
    expect(beginningOfRepetition('a\n    ', suffix)).toBe(2)
    expect(beginningOfRepetition('a\n    x', suffix)).toBe(7)
    expect(beginningOfRepetition('tot', suffix)).toBe(3)
    expect(beginningOfRepetition('a\n}\n', '\n}\n`\n')).toBe(2)
    expect(beginningOfRepetition('a\r\n}\r\n', '\n}\n`\n')).toBe(3)
    expect(beginningOfRepetition('a\n}\nb', '\n}\n`\n')).toBe(5)
    expect(beginningOfRepetition('a\r\n}\r', '\n}\n`\n')).toBe(3)
  })
})
