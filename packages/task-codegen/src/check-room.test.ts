import { InvalidOptionError } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { checkRoom, type Shares } from './check-room.js'

describe('the room of a context', () => {
  it('is what new tokens leave to a prompt, and to what of the prefix is written again', () => {
    expect(checkRoom({ contextLength: 512 })).toBe(512 - 128 - 8)
    expect(checkRoom({ contextLength: 512, healing: false, maxNewTokens: 4 })).toBe(508)
    expect(checkRoom({ contextLength: 25, maxNewTokens: 1 })).toBe(16)
    expect(checkRoom({ contextTokens: 16 })).toBe(Infinity)
  })

  it.each<[Shares, string, string]>([
    [{ contextTokens: 15 }, "The option 'contextTokens' of a call of the task 'code-generation' is 15, with which there is no room for a line", 'Give at least 16'],
    [{ contextLength: 20 }, "The option 'contextLength' of the task 'code-generation' is 20, which has no room for a prompt beside 128 new tokens", 'Give a contextLength from 152 on; with fewer maxNewTokens, from 25 on'],
    [{ contextLength: 131 }, "The option 'contextLength' of the task 'code-generation' is 131, which has no room for a prompt beside 128 new tokens", 'Give maxNewTokens up to 107, or, where the model reads as many, a contextLength from 152 on'],
    [{ contextLength: 131, maxNewTokens: 120, healing: false }, "The option 'maxNewTokens' of a call of the task 'code-generation' is 120, with which a context of 131 tokens has no room for a prompt", 'Give at most 115, or, where the model reads as many, a contextLength from 136 on'],
    [{ contextLength: 20, maxNewTokens: 4 }, "The option 'maxNewTokens' of a call of the task 'code-generation' is 4, with which a context of 20 tokens has no room for a prompt", 'Give a contextLength from 28 on'],
  ])('is told where there is too little, in words of what was set: %j', (shares, message, remedy) => {
    const error = thrownBy(() => checkRoom(shares))
    expect(error).toBeInstanceOf(InvalidOptionError)
    expect(error).toMatchObject({ message: expect.stringContaining(message) as string, remedy })
  })
})

function thrownBy(work: () => unknown): unknown {
  try {
    work()
  } catch (error) {
    return error
  }
  return undefined
}
