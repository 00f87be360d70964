import { lazyConstant, type BlockQuantization, type Checkpoint, type Constant, type TenonEvent } from '@tenon/core'
import { describe, expect, it } from 'vitest'
import { weightOnly } from './weight-only.js'

const none = () => Promise.reject(new Error('nobody needs it'))

/** A matrix of 64 × `columns`, in blocks of these bits, or floats. */
function matrix(columns: number, bits?: 4 | 8): Constant {
  const constant = lazyConstant('float32', [64, columns], none)
  const blocks = (bits: 4 | 8): BlockQuantization => ({ bits, blockSize: 32, codes: lazyConstant('uint8', [64, columns / 32, bits * 4], none), scales: lazyConstant('float32', [64, columns / 32], none) })
  return bits === undefined ? constant : { ...constant, blocks: blocks(bits) }
}

async function told(weights: readonly Constant[], options: Parameters<ReturnType<typeof weightOnly>['pass']>[0], defaults = {}): Promise<readonly string[]> {
  const events: TenonEvent[] = []
  const checkpoint = { reference: 'model.gguf', config: {}, constants: new Map(weights.map((weight, index) => [`${index}`, weight])) } as unknown as Checkpoint
  await weightOnly(defaults).prepare!({}, { cache: false, ...options }, { checkpoint, emit: (event) => events.push(event) })
  return events.flatMap((event) => (event.type === 'notice' ? [`${event.code} ${event.message}`] : []))
}

describe('what is asked of weights that lie in blocks already', () => {
  it('is told to be in vain', async () => {
    const message = (bits: number) => `TENON_WEIGHTS_AS_STORED model.gguf: 2 weights lie in blocks of 8 bits already and stay so, though ${bits} bits were asked for. To make others of them, read them as floats: files({ dequantize: true })`
    const file = [matrix(64, 8), matrix(64, 8), matrix(32)]
    expect(await told(file, { bits: 16 })).toEqual([message(16)])
    expect(await told(file, { bits: 4 })).toEqual([message(4)])
    expect(await told(file, {}, { bits: 16 })).toEqual([message(16)])
    expect((await told([matrix(64, 4), matrix(64, 8)], { bits: 16 }))[0]).toContain('in blocks of 4 and 8 bits')
  })

  it('is not told where nothing was asked, where it is so, and where a few are finer', async () => {
    expect(await told([matrix(64, 8)], {})).toEqual([])
    expect(await told([matrix(64, 8), matrix(64)], { bits: 8 })).toEqual([])
    expect(await told([matrix(256, 4), matrix(64, 8)], { bits: 4 })).toEqual([])
    expect(await told([matrix(64)], { bits: 16 })).toEqual([])
  })

  it('is told for one weight where floats of 16 bits were asked for', async () => {
    expect(await told([matrix(256), matrix(32, 8)], { bits: 16 })).toHaveLength(1)
  })
})
