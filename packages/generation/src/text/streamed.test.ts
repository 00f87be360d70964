import { AbortedError } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { streamed } from './streamed.js'

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** Work that emits these pieces, one a turn, until it is aborted. */
function emitting(pieces: readonly string[], signal?: AbortSignal) {
  const log = { emitted: 0 }
  const work = async (emit: (text: string) => void, ends: AbortSignal) => {
    for (const piece of pieces) {
      await turn()
      if (ends.aborted) throw new AbortedError(ends.reason)
      log.emitted++
      emit(piece)
    }
    return { text: pieces.join('') }
  }
  return { log, made: streamed(work, signal) }
}

describe('streamed text', () => {
  it('is streamed as it is made, and has a result as well', async () => {
    const { made, log } = emitting(['a', '', 'b'])
    const seen: [string, number][] = []
    for await (const text of made) seen.push([text, log.emitted])
    expect(seen).toEqual([['a', 1], ['b', 3]])
    expect(await made.result).toEqual({ text: 'ab' })
  })

  it('has a result where nobody iterates, and its text where somebody does so late', async () => {
    const { made } = emitting(['a', 'b'])
    expect(await made.result).toEqual({ text: 'ab' })
    const seen: string[] = []
    for await (const text of made) seen.push(text)
    expect(seen).toEqual(['a', 'b'])
  })

  /** Work without an end, that waits where it is told to. */
  const endless = async (log: { emitted: number }, emit: (text: string) => Promise<void> | undefined, ends: AbortSignal) => {
    for (; !ends.aborted && log.emitted < 10_000; log.emitted++) {
      await turn()
      await emit('x')
    }
    return { emitted: log.emitted }
  }

  it('holds its work up where whoever iterates stops pulling, until he goes on or asks for the result', async () => {
    const log = { emitted: 0 }
    const made = streamed((emit, ends) => endless(log, emit, ends), undefined)
    const pieces = made[Symbol.asyncIterator]()
    await pieces.next()
    for (let index = 0; index < 100; index++) await turn()
    const held = log.emitted
    expect(held).toBeLessThan(40)
    for (let index = 0; index < 50; index++) await pieces.next()
    for (let index = 0; index < 100; index++) await turn()
    expect(log.emitted).toBeGreaterThan(held + 40)
    expect(log.emitted).toBeLessThan(held + 60)
    expect(await made.result).toEqual({ emitted: 10_000 })
  })

  it('lets work that is held up see that it was aborted', async () => {
    const controller = new AbortController()
    const log = { emitted: 0 }
    const made = streamed((emit, ends) => endless(log, emit, ends), controller.signal)
    await made[Symbol.asyncIterator]().next()
    for (let index = 0; index < 100; index++) await turn()
    controller.abort()
    expect((await made.result).emitted).toBeLessThan(40)
  })

  it('ends what of its work is still under way when a part of it has failed', async () => {
    const log = { emitted: 0 }
    let other: Promise<unknown> | undefined
    const made = streamed((emit, ends) => Promise.all([(other = endless(log, emit, ends)), turn().then(() => Promise.reject(new RangeError('no')))]), undefined)
    await expect(made.result).rejects.toThrow(RangeError)
    await other
    expect(log.emitted).toBeLessThan(10)
  })

  it('is cancelled by leaving the loop', async () => {
    const { made, log } = emitting(['a', 'b', 'c', 'd'])
    for await (const text of made) if (text === 'b') break
    await expect(made.result).rejects.toThrow(AbortedError)
    expect(log.emitted).toBeLessThan(4)
  })

  it('is cancelled by leaving it while a piece is awaited, as streams that are destroyed do', async () => {
    let ended = false
    const never = (_: unknown, ends: AbortSignal) => new Promise((_, reject) => ends.addEventListener('abort', () => reject(new AbortedError((ended = true)))))
    const made = streamed(never, undefined)
    const pieces = made[Symbol.asyncIterator]()
    const [first, second] = [pieces.next(), pieces.next()]
    await turn()
    await pieces.return!()
    expect(ended).toBe(true)
    expect(await Promise.all([first, second])).toEqual([{ done: true, value: undefined }, { done: true, value: undefined }])
    await expect(made.result).rejects.toThrow(AbortedError)
  })

  it('lets everybody go on whom it told to wait', async () => {
    const made = streamed(async (emit) => {
      await turn()
      for (let piece = 0; piece < 31; piece++) void emit('x')
      await Promise.all([emit('y'), emit('z')])
      return 'done'
    }, undefined)
    let text = ''
    for await (const piece of made) text += piece
    expect(text.slice(-3)).toBe('xyz')
    expect(await made.result).toBe('done')
  })

  it('is cancelled by the signal, and says so to who iterates it', async () => {
    const controller = new AbortController()
    const { made } = emitting(['a', 'b', 'c', 'd'], controller.signal)
    const seen: string[] = []
    const iterate = async () => {
      for await (const text of made) {
        seen.push(text)
        controller.abort()
      }
    }
    await expect(iterate()).rejects.toThrow(AbortedError)
    expect(seen).toEqual(['a'])
  })

  it('throws what went wrong', async () => {
    const made = streamed(() => Promise.reject(new RangeError('no')), undefined)
    await expect(made.result).rejects.toThrow(RangeError)
    await expect(made[Symbol.asyncIterator]().next()).rejects.toThrow(RangeError)
  })
})
