import { describe, expect, it } from 'vitest'
import { documentOf } from '@tenon/testing'
import { applyChange } from './apply-change.js'
import { stateOf } from './state.js'

describe('applying changes', () => {
  it('leaves the state before as it was', async () => {
    const { state: first } = await applyChange(stateOf([], new Map(), 0), { put: [documentOf('a', ['oak', 'elm'])] }, 8, {})
    const { state: second } = await applyChange(first, { put: [documentOf('b', ['ash'])], remove: ['a'] }, 8, {})
    expect([...first.entries.keys()]).toEqual(['a'])
    expect(first.passages).toBe(2)
    expect([...second.entries.keys()]).toEqual(['b'])
    expect(second.passages).toBe(1)
  })

  it('copies a row no more often than the logarithm of the rows', async () => {
    let state = stateOf([], new Map(), 0)
    let copied = 0
    for (let index = 0; index < 256; index++) {
      const before = new Set(state.blocks.map(({ block }) => block))
      state = (await applyChange(state, { put: [documentOf(`${index}`, ['oak'])] }, 8, {})).state
      copied += state.blocks.filter(({ block }) => !before.has(block)).reduce((sum, { block }) => sum + block.rows, 0)
      expect(state.blocks.length).toBeLessThanOrEqual(8)
    }
    expect(copied).toBeLessThanOrEqual(256 * 9)
  })

  it('forgets what was removed once that is more than what is left', async () => {
    const keys = Array.from({ length: 40 }, (_, index) => `${index}`)
    let { state } = await applyChange(stateOf([], new Map(), 0), { put: keys.map((key) => documentOf(key, ['oak'])) }, 8, {})
    state = (await applyChange(state, { remove: keys.slice(0, 19) }, 8, {})).state
    expect(state.blocks[0]?.block.rows).toBe(40)
    state = (await applyChange(state, { remove: keys.slice(19, 21) }, 8, {})).state
    expect(state.blocks[0]?.block.rows).toBe(19)
    expect([...state.entries.keys()]).toEqual(keys.slice(21))
  })
})
