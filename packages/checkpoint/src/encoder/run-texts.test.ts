import { tensor, type Encoding, type TenonEvent, type TextOrPair, type Tokenizer } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import type { EncoderRun } from './run-encoder.js'
import { encodeTexts, rowsOf } from './run-texts.js'

/** A tokenizer whose texts are numbers, and an encoding of which is that many tokens. */
function lengths(maxLength: number) {
  const events: TenonEvent[] = []
  const batches: number[] = []
  const encoding = (length: number, overflowing: readonly Encoding[]) => ({ ids: Array.from({ length }, () => length), overflowing }) as unknown as Encoding
  const encodeBatch = async (texts: readonly TextOrPair[]) => {
    batches.push(texts.length)
    return texts.map((text) => encoding(Math.min(Number(text), maxLength), Number(text) > maxLength ? [encoding(1, [])] : []))
  }
  const tokenizer = { encodeBatch } as unknown as Tokenizer
  return { events, batches, context: { tokenizer, maxLength, emit: (event: TenonEvent) => void events.push(event) } }
}

/** Runs of two, the last first: the output of a text is its length and twice its length. */
async function* run(encodings: readonly Encoding[]): AsyncGenerator<EncoderRun> {
  const order = [...encodings.keys()].reverse()
  for (let at = 0; at < order.length; at += 2) {
    const indices = order.slice(at, at + 2)
    const values = Float32Array.from(indices.flatMap((index) => [encodings[index]!.ids.length, 2 * encodings[index]!.ids.length]))
    yield { indices, length: 1, outputs: { y: tensor('float32', [indices.length, 2], values) } }
  }
}

describe('texts that are run', () => {
  it('give a row each in their order, whatever order they are run in', async () => {
    const { context, batches } = lengths(10_000)
    const texts = Array.from({ length: 1200 }, (_, index) => String(1 + (index % 37)))
    const calls: [number, number][] = []
    const rows = await rowsOf(texts, 'y', run, context, { onProgress: (done, total) => void calls.push([done, total]) })
    expect(rows.map((row) => Array.from(row))).toEqual(texts.map((text) => [Number(text), 2 * Number(text)]))
    expect(batches).toEqual([512, 512, 176])
    expect(calls).toHaveLength(600)
    expect(calls.at(-1)).toEqual([1200, 1200])
  })

  it('are told of once where they were cut, all of them counted', async () => {
    const { context, events } = lengths(20)
    await rowsOf(Array.from({ length: 1200 }, (_, index) => String(1 + (index % 37))), 'y', run, context, { what: 'pairs' })
    expect(events).toEqual([{ type: 'notice', code: 'TENON_TEXT_CUT', message: '544 of 1200 pairs were longer than 20 tokens; only their beginnings were read' }])
  })

  it('give nothing for nothing, and no notice', async () => {
    const { context, events } = lengths(20)
    expect(await rowsOf([], 'y', run, context, {})).toEqual([])
    expect(events).toEqual([])
  })

  it.each([[[]], [['1']]])('are not begun where the signal is aborted: %j', async (texts) => {
    const { context, batches } = lengths(20)
    await expect(encodeTexts(texts, context, { signal: AbortSignal.abort('enough') }).next()).rejects.toMatchObject({ code: 'TENON_ABORTED', cause: 'enough' })
    expect(batches).toEqual([])
  })

  it('are let go of at once where it is aborted while they are tokenised, which nobody can stop', async () => {
    const { context } = lengths(20)
    const controller = new AbortController()
    const stuck = { ...context, tokenizer: { encodeBatch: () => new Promise<never>(() => undefined) } as unknown as Tokenizer }
    const rows = rowsOf(['1'], 'y', run, stuck, { signal: controller.signal })
    setTimeout(() => controller.abort('enough'), 1)
    await expect(rows).rejects.toMatchObject({ code: 'TENON_ABORTED', cause: 'enough' })
  })

  it('end between batches where it is aborted meanwhile', async () => {
    const { context, batches } = lengths(20)
    const controller = new AbortController()
    const onProgress = () => controller.abort()
    await expect(rowsOf(Array.from({ length: 1200 }, () => '5'), 'y', run, context, { signal: controller.signal, onProgress })).rejects.toMatchObject({ code: 'TENON_ABORTED' })
    expect(batches).toEqual([512])
  })
})
