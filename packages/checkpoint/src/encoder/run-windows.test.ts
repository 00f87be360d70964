import { AbortedError, tensor, type Encoding } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import type { Encoder } from './open-encoder.js'
import { runWindows, windowsOf, type Window } from './run-windows.js'

/** An encoding of these ids in windows of at most four. */
function encodingOf(ids: readonly number[]): Encoding {
  const window = (from: number): Encoding => ({ ids: ids.slice(from, from + 4), typeIds: [], specialTokensMask: [], tokens: [], offsets: [], sequenceIds: [], wordIds: [], overflowing: [] })
  const starts = ids.flatMap((_, index) => (index > 0 && index % 4 === 0 ? [index] : []))
  return { ...window(0), overflowing: starts.map(window) }
}

const all = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

describe('windows of inputs', () => {
  it('come input by input, with shares of its length that make up the whole', async () => {
    const inputs = [[1, 2, 3], [], [1, 2, 3, 4, 5, 6, 7, 8, 9], [1]]
    const windows = await all(windowsOf([30, 0, 100, 7], async (from, to) => inputs.slice(from, to).map(encodingOf)))
    expect(windows.map(({ input, index, units }) => [input, index, units])).toEqual([[0, 0, 30], [2, 0, 33], [2, 1, 33], [2, 2, 34], [3, 0, 7]])
    expect(windows.map(({ encoding }) => encoding.ids)).toEqual([[1, 2, 3], [1, 2, 3, 4], [5, 6, 7, 8], [9], [1]])
  })

  it('are made some inputs at a time, as many as are short, and long ones alone', async () => {
    const asked: [number, number][] = []
    const lengths = [...Array.from({ length: 100 }, () => 10), 2 ** 20, 2 ** 20, 10, 10]
    await all(windowsOf(lengths, async (from, to) => (asked.push([from, to]), lengths.slice(from, to).map(() => encodingOf([1])))))
    expect(asked).toEqual([[0, 64], [64, 100], [100, 101], [101, 102], [102, 104]])
  })

  it('are let go of at once when aborted, though nobody can stop the tokenizer', async () => {
    const controller = new AbortController()
    const windows = all(windowsOf([1], () => new Promise<never>(() => undefined), controller.signal))
    setTimeout(() => controller.abort('enough'), 1)
    await expect(windows).rejects.toMatchObject({ name: 'AbortError', cause: 'enough' })
    await expect(all(windowsOf([], async () => [], AbortSignal.abort()))).rejects.toBeInstanceOf(AbortedError)
    await expect(all(windowsOf([1], () => Promise.reject(new Error('no text')), new AbortController().signal))).rejects.toThrow('no text')
  })
})

describe('running windows', () => {
  /** Ids times ten, and as pairs; two windows to a run, the later first, padded with -1. */
  function encoder(): { readonly run: Encoder['run']; readonly asked: number[] } {
    const asked: number[] = []
    async function* run(encodings: readonly Encoding[]): ReturnType<Encoder['run']> {
      asked.push(encodings.length)
      for (let at = 0; at < encodings.length; at += 2) {
        const indices = [at + 1, at].filter((index) => index < encodings.length)
        const length = Math.max(...indices.map((index) => encodings[index]!.ids.length)) + 1
        const padded = indices.map((index) => Array.from({ length }, (_, token) => encodings[index]!.ids[token] ?? -1))
        const single = Float32Array.from(padded.flat(), (id) => id * 10)
        const double = Float32Array.from(padded.flat().flatMap((id) => [id, -id]))
        yield { indices, length, outputs: { single: tensor('float32', [indices.length, length], single), double: tensor('float32', [indices.length, length, 2], double) } }
      }
    }
    return { run, asked }
  }
  async function* windows(count: number): AsyncGenerator<Window> {
    for (let input = 0; input < count; input++) yield { input, index: 0, units: 1, encoding: encodingOf([input, input + 1, input + 2].slice(0, (input % 3) + 1)) }
  }

  it('gives each window what the outputs hold for its own tokens, without padding', async () => {
    const seen: number[] = []
    for await (const { window, values } of runWindows(encoder(), windows(7), ['double', 'single'])) {
      const { ids } = window.encoding
      expect(values.map((each) => Array.from(each))).toEqual([ids.flatMap((id) => [id, id === 0 ? -0 : -id]), ids.map((id) => id * 10)])
      seen.push(window.input)
    }
    expect(seen.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6])
  })

  it('holds few windows at a time', async () => {
    const held = encoder()
    expect(await all(runWindows(held, windows(150), ['single']))).toHaveLength(150)
    expect(held.asked).toEqual([64, 64, 22])
  })
})
