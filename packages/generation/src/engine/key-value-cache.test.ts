import { describe, expect, it } from 'vitest'
import { grow, KeyValueCache, type Slot } from './key-value-cache.js'

const layout = { tensors: [{ name: 'key', heads: 2, size: 3 }, { name: 'value', heads: 1, size: 5 }], bytesPerPosition: 11 * 4 }

const open = ({ blocks = 64, slots = 4, positions = 4096 } = {}) => {
  const resized: number[] = []
  const cache = new KeyValueCache(layout, { bytes: blocks * 256 * layout.bytesPerPosition, slots, positions }, (bytes) => resized.push(bytes))
  return { cache, resized }
}

const tokensOf = (length: number, seed: number) => Array.from({ length }, (_, index) => seed * 10_000 + index)

/** Puts numbers where a run would: each says which token, tensor, head and element it is. */
function write(cache: KeyValueCache, slot: Slot, tokens: readonly number[]): void {
  const past = slot.tokens.length
  tokens.forEach((token, place) => each(cache, slot, past + place, (values, at, part) => (values[at] = token * 16 + part)))
  slot.tokens.push(...tokens)
}

/** Whether a slot holds what it says. */
function holds(cache: KeyValueCache, slot: Slot): boolean {
  let right = true
  slot.tokens.forEach((token, position) => each(cache, slot, position, (values, at, part) => (right &&= values[at] === token * 16 + part)))
  return right
}

function each(cache: KeyValueCache, slot: Slot, position: number, visit: (values: Float32Array, at: number, part: number) => void): void {
  const views = cache.views(slot.index, 1)
  let part = 0
  for (const { name, heads, size } of layout.tensors) {
    const { values, shape } = views[name]!
    for (let head = 0; head < heads; head++) for (let element = 0; element < size; element++) visit(values as Float32Array, (head * shape[2]! + position) * size + element, part++)
  }
}

const filled = async (cache: KeyValueCache, tokens: readonly number[], { most = tokens.length + 1, positions }: { readonly most?: number; readonly positions?: number } = {}) => {
  const slot = await cache.acquire(tokens, positions ?? most, most)
  write(cache, slot, tokens.slice(slot.tokens.length))
  return slot
}

describe('a cache of keys and values', () => {
  it('keeps what it holds while its capacity and its slots grow', async () => {
    const { cache } = open()
    const slots: Slot[] = []
    for (let seed = 1; seed <= 4; seed++) slots.push(await filled(cache, tokensOf(100 * seed, seed), { most: 4096, positions: 100 * seed + 1 }))
    await cache.reserve(2000, 4096)
    write(cache, slots[1]!, tokensOf(1500, 9))
    await cache.reserve(4000, 4096)
    expect(slots.map((slot) => holds(cache, slot))).toEqual([true, true, true, true])
    expect(slots.map(({ tokens }) => tokens.length)).toEqual([100, 1700, 300, 400])
  })

  it('begins with nothing but what was read, for who wants that, wherever it was copied to and cut', async () => {
    const { cache } = open()
    const slot = await cache.acquire([], 100, 200)
    grow(slot, tokensOf(20, 1), true)
    grow(slot, tokensOf(30, 1).slice(20), false)
    grow(slot, tokensOf(40, 1).slice(30), true) // behind what was not
    cache.release(slot)
    const lengths = async (onlyRead: boolean, length: number) => {
      const other = await cache.acquire(tokensOf(length, 1), 100, 200, onlyRead)
      const held = other.tokens.length
      cache.release(other)
      return [held, other === slot]
    }
    const copied = await cache.fork(slot, 200)
    expect(await lengths(false, 50)).toEqual([40, true])
    slot.tokens = []
    expect(await lengths(true, 50)).toEqual([20, true]) // a copy of the other, in the empty place
    cache.release(copied)
    copied.tokens.length = 10
    grow(copied, tokensOf(15, 1).slice(10), false)
    slot.tokens = []
    expect(await lengths(true, 50)).toEqual([10, false])
  })

  it('grows by whole blocks and by half at least, so that few copies are made', async () => {
    const { cache, resized } = open({ slots: 1 })
    const slot = await cache.acquire([1], 10, 4096)
    for (let position = 1; position <= 4000; position++) {
      await cache.reserve(position, 4096)
      write(cache, slot, [position])
    }
    expect(resized.map((bytes) => bytes / layout.bytesPerPosition)).toEqual([256, 512, 768, 1280, 2048, 3072, 4096])
    expect(holds(cache, slot)).toBe(true)
  })

  it('makes room at once where it is known how much is needed', async () => {
    const { cache, resized } = open({ slots: 1 })
    await cache.acquire([1], 3000, 3000)
    await cache.reserve(3000, 3000)
    expect(resized.map((bytes) => bytes / layout.bytesPerPosition)).toEqual([3072])
  })

  it('never takes more than it may, and gives up what was used longest ago', async () => {
    const { cache, resized } = open({ blocks: 8 })
    const [a, b, c] = [tokensOf(200, 1), tokensOf(200, 2), tokensOf(200, 3)]
    for (const tokens of [a, b, c, a]) cache.release(await filled(cache, tokens))
    const long = await filled(cache, tokensOf(1000, 4), { most: 1024 }) // two slots of four blocks
    expect(cache.slots).toHaveLength(2)
    expect(Math.max(...resized)).toBeLessThanOrEqual(8 * 256 * layout.bytesPerPosition)
    expect(holds(cache, long)).toBe(true)
    const kept = cache.slots.find((slot) => slot !== long)!
    expect([kept.tokens, holds(cache, kept)]).toEqual([a, true])
  })

  it('shrinks its capacity where more sequences need less', async () => {
    const { cache } = open({ blocks: 8 })
    cache.release(await filled(cache, tokensOf(2000, 1), { most: 2048 }))
    const slots = [await filled(cache, tokensOf(300, 1), { most: 512 }), await filled(cache, tokensOf(300, 2), { most: 512 }), await filled(cache, tokensOf(300, 3), { most: 512 })]
    expect(cache.fits(4, 512)).toBe(true)
    expect(slots.map((slot) => holds(cache, slot))).toEqual([true, true, true])
    expect(cache.bytes).toBeLessThanOrEqual(8 * 256 * layout.bytesPerPosition)
  })

  it('takes a prefix in its place where little else would be lost, and copies it where much would', async () => {
    const { cache } = open()
    const text = tokensOf(200, 1)
    const first = await filled(cache, text)
    cache.release(first)
    const typed = await filled(cache, [...text.slice(0, 150), 7])
    expect([typed === first, typed.tokens.length, holds(cache, typed)]).toEqual([true, 151, true])
    cache.release(typed)
    const other = await filled(cache, [...text.slice(0, 20), 8])
    expect([other === first, other.tokens.length, holds(cache, other), holds(cache, first), first.tokens.length]).toEqual([false, 21, true, true, 151])
  })

  it('lets slots change places, and makes one what another is', async () => {
    const { cache } = open()
    const [a, b] = [await filled(cache, tokensOf(100, 1), { most: 600 }), await filled(cache, tokensOf(30, 2), { most: 600 })]
    const places = [a.index, b.index]
    await cache.swap(a, b)
    expect([b.index, a.index]).toEqual(places)
    expect([holds(cache, a), holds(cache, b), cache.slots[a.index], cache.slots[b.index]]).toEqual([true, true, a, b])
    await cache.copy(a, b, 60)
    expect([b.tokens, holds(cache, b)]).toEqual([a.tokens.slice(0, 60), true])
    const forked = await cache.fork(a, 600)
    expect([forked.tokens, holds(cache, forked), holds(cache, a)]).toEqual([a.tokens, true, true])
  })

  it('leaves a position behind what it keeps, for a row that idles', async () => {
    const { cache } = open({ positions: 100 })
    const slot = await filled(cache, tokensOf(100, 1), { most: 100 })
    cache.release(slot)
    expect(slot.tokens).toHaveLength(99)
  })

  it('lets the event loop turn while it copies', async () => {
    const wide = { tensors: Array.from({ length: 24 }, (_, index) => ({ name: `${index}`, heads: 2, size: 64 })), bytesPerPosition: 24 * 128 * 4 }
    const cache = new KeyValueCache(wide, { bytes: 2 ** 30, slots: 4, positions: 8192 }, () => undefined)
    const slot = await cache.acquire([1], 4096, 8192)
    slot.tokens = tokensOf(4096, 1)
    let turns = 0
    const count = () => {
      turns++
      immediate = setImmediate(count)
    }
    let immediate = setImmediate(count)
    const start = performance.now()
    await cache.reserve(8000, 8192)
    clearImmediate(immediate)
    expect(turns).toBeGreaterThanOrEqual(Math.min(10, (performance.now() - start) / 20)) // 50 MB are copied
    expect(slot.tokens).toHaveLength(4096)
  })
})
