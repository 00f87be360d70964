import { InvalidInputError, tensor, type HostTensor } from '@tenon/core'
import { breathe } from './breathe.js'
import type { CacheLayout, CacheTensor } from './cache-layout.js'
import { commonPrefix } from './common-prefix.js'

/** Where one sequence's keys and values lie. */
export interface Slot {
  /** Changes when slots are moved together. */
  index: number
  /** What the cache validly holds: position i is tokens[i]'s. What lies behind is garbage. */
  tokens: number[]
  /**
   * Up to here they were read as a prompt is read from its beginning: by the prompt's graph, several at once. Behind it are rows that steps
   * wrote, which differ in their last bits, or by the weights of another graph. It may lie behind the end of tokens that were taken back.
   */
  read: number
  inUse: boolean
  /** How often it was taken. While that stays the same, what it holds is what its last owner left. */
  takes: number
  /** When it was last given back: what was used longest ago goes first. */
  usedAt: number
}

export interface CacheLimits {
  /** Most that the cache may take. */
  readonly bytes: number
  /** Most slots. */
  readonly slots: number
  /** The context length. */
  readonly positions: number
}

/** Lets a slot hold what a run wrote behind what it held. @param read Whether the run was one that reads a prompt. */
export function grow(slot: Slot, tokens: readonly number[], read: boolean): void {
  const held = slot.tokens.length
  slot.read = read && slot.read >= held ? held + tokens.length : Math.min(slot.read, held)
  for (const token of tokens) slot.tokens.push(token)
}

/** How many tokens a slot and a text begin with alike. @param onlyRead Of those that were read. */
export const shared = ({ tokens, read }: Slot, text: readonly number[], onlyRead: boolean): number => Math.min(commonPrefix(tokens, text), onlyRead ? read : Infinity)

function take(slot: Slot): void {
  slot.inUse = true
  slot.takes++
}

/** Capacity grows by whole blocks. */
const BLOCK = 256

/**
 * Keys and values of several sequences, in one buffer a tensor: [slots, heads, capacity, size]. A slot is a contiguous part of
 * it, and so are neighbouring slots: runs read and write them where they lie. Slots that nobody uses keep what they hold, for
 * requests that begin alike, until their room is needed.
 */
export class KeyValueCache {
  readonly #layout: CacheLayout
  readonly #limits: CacheLimits
  readonly #onResize: (bytes: number) => void
  #buffers: Float32Array[]
  #slots: Slot[] = []
  #capacity = 0
  #clock = 0
  /** Feeds over [start, start + count) slots, made once. */
  readonly #views = new Map<number, Readonly<Record<string, HostTensor>>>()

  constructor(layout: CacheLayout, limits: CacheLimits, onResize: (bytes: number) => void) {
    this.#layout = layout
    this.#limits = limits
    this.#onResize = onResize
    this.#buffers = layout.tensors.map(() => new Float32Array(0))
  }

  get slots(): readonly Slot[] {
    return this.#slots
  }

  get bytes(): number {
    return this.#slots.length * this.#capacity * this.#layout.bytesPerPosition
  }

  /** Whether this many sequences can hold this many positions each. */
  fits(slots: number, positions: number): boolean {
    return slots <= this.#limits.slots && slots * this.#blocks(positions) * this.#layout.bytesPerPosition <= this.#limits.bytes
  }

  /** Most positions of one sequence, where there are this many. */
  longest(slots: number): number {
    const positions = Math.floor(this.#limits.bytes / (slots * this.#layout.bytesPerPosition))
    return positions >= this.#limits.positions ? this.#limits.positions : Math.floor(positions / BLOCK) * BLOCK
  }

  /** The feeds for a run over the slots [start, start + count). */
  views(start: number, count: number): Readonly<Record<string, HostTensor>> {
    const key = start * (this.#limits.slots + 1) + count
    const known = this.#views.get(key)
    if (known !== undefined) return known
    const views: Record<string, HostTensor> = {}
    this.#layout.tensors.forEach(({ name, heads, size }, index) => {
      const stride = heads * this.#capacity * size
      views[name] = tensor('float32', [count, heads, this.#capacity, size], this.#buffers[index]!.subarray(start * stride, (start + count) * stride))
    })
    this.#views.set(key, views)
    return views
  }

  /**
   * A slot for a sequence that begins with these tokens, with the longest beginning of them that a slot holds. It is the caller's until `release`.
   * @param positions How many it should have room for now.
   * @param most How many it, and those in use, may come to need: `fits(all in use and this, most)` must hold.
   * @param onlyRead Whether it may begin with nothing but what was read.
   * @param own One that the sequence gave back, and nobody took: all of it is its own.
   */
  async acquire(tokens: readonly number[], positions: number, most: number, onlyRead = false, own?: Slot): Promise<Slot> {
    let best: Slot | undefined
    let alike = 0
    const alikeIn = (slot: Slot) => shared(slot, tokens, onlyRead && slot !== own)
    for (const slot of this.#slots) {
      const length = alikeIn(slot)
      if (length > alike || (length === alike && best?.inUse && !slot.inUse)) {
        best = slot
        alike = length
      }
    }
    if (best !== undefined && !best.inUse) best.usedAt = ++this.#clock // the last that goes where room is needed
    await this.reserve(positions, most, 1)
    const idle = this.#idle()
    const survives = best !== undefined && this.#slots.includes(best)
    // In its place, where little of what it holds would be lost: typing in an editor should not fill the cache with copies.
    const inPlace = survives && !best!.inUse && alike * 2 >= best!.tokens.length
    const slot = inPlace ? best! : (idle.find(({ tokens: held }) => held.length === 0) ?? (await this.#add(most)) ?? idle.find((each) => each !== best) ?? idle[0]!)
    take(slot)
    if (survives && slot !== best) await this.copy(best!, slot, Math.min(alike, best!.tokens.length))
    slot.tokens.length = Math.min(alikeIn(slot), Math.max(0, tokens.length - 1)) // the last is run again, for its logits
    return slot
  }

  /** A second sequence that begins as this one does. The room for it must have been seen to, as by `acquire`. */
  async fork(from: Slot, most: number): Promise<Slot> {
    await this.reserve(from.tokens.length + 1, most, 1)
    const idle = this.#idle()
    const slot = idle.find(({ tokens }) => tokens.length === 0) ?? (await this.#add(most)) ?? idle[0]!
    take(slot)
    await this.copy(from, slot, from.tokens.length)
    return slot
  }

  /** Gives a slot back. It keeps what it holds. */
  release(slot: Slot): void {
    slot.inUse = false
    slot.usedAt = ++this.#clock
    // A row that idles in a batch is written behind its end, and has to have a position there.
    slot.tokens.length = Math.min(slot.tokens.length, this.#limits.positions - 1, Math.max(0, this.#capacity - 1))
  }

  /** Makes room for this many positions in every slot, and for `more` slots in use, at the cost of what nobody uses. */
  async reserve(positions: number, most: number, more = 0): Promise<void> {
    const needed = this.#slots.filter((slot) => slot.inUse).length + more
    if (positions <= this.#capacity && needed <= this.#slots.length) return
    const wanted = this.#blocks(positions)
    let capacity = Math.max(this.#capacity, wanted)
    // Half more than now, so that copies are few; not beyond what anybody may need.
    if (wanted > this.#capacity) capacity = Math.max(wanted, Math.min(this.#blocks(most), this.#blocks(this.#capacity * 1.5)))
    if (!this.#fit(needed, capacity)) capacity = this.#fit(needed, Math.max(this.#capacity, wanted)) ? Math.max(this.#capacity, wanted) : this.#blocks(most)
    let count = Math.max(needed, this.#slots.length)
    while (count > needed && !this.#fit(count, capacity)) count--
    if (count !== this.#slots.length || capacity !== this.#capacity) await this.#resize(count, capacity)
  }

  /** Makes the first `length` positions of one slot those of another; what both hold alike already stays. */
  async copy(from: Slot, to: Slot, length: number): Promise<void> {
    const start = Math.min(commonPrefix(from.tokens, to.tokens), length)
    to.tokens.length = start
    if (start < length) {
      await this.#each((buffer, { heads, size }) => {
        for (let head = 0; head < heads; head++) {
          const source = this.#offset(heads, size, from.index, head)
          buffer.copyWithin(this.#offset(heads, size, to.index, head) + start * size, source + start * size, source + length * size)
        }
      })
      grow(to, from.tokens.slice(start, length), true)
      to.read = Math.min(to.read, Math.max(from.read, start))
    }
  }

  /** Lets two slots change places. */
  async swap(one: Slot, other: Slot): Promise<void> {
    const length = Math.max(one.tokens.length, other.tokens.length)
    await this.#each((buffer, { heads, size }) => {
      for (let head = 0; head < heads; head++) {
        const [a, b] = [this.#offset(heads, size, one.index, head), this.#offset(heads, size, other.index, head)]
        const kept = buffer.slice(a, a + length * size)
        buffer.copyWithin(a, b, b + length * size)
        buffer.set(kept, b)
      }
    })
    const { index } = one
    one.index = other.index
    other.index = index
    this.#slots[one.index] = one
    this.#slots[other.index] = other
  }

  /** Frees everything. */
  clear(): void {
    this.#buffers = this.#buffers.map(() => new Float32Array(0))
    this.#slots = []
    this.#capacity = 0
    this.#views.clear()
    this.#onResize(0)
  }

  /** One more slot, if there is room; twice as many are made at once, so that copies are few. */
  async #add(most: number): Promise<Slot | undefined> {
    let count = Math.min(this.#limits.slots, Math.max(1, this.#slots.length * 2))
    while (count > this.#slots.length && !this.#fit(count, this.#capacity)) count--
    // Growth that is to come must not have to take the slot away again.
    if (count <= this.#slots.length || !this.#fit(this.#slots.length + 1, Math.max(this.#capacity, this.#blocks(most)))) return undefined
    await this.#resize(count, this.#capacity)
    return this.#slots.find(({ inUse, tokens }) => !inUse && tokens.length === 0)
  }

  /** What nobody uses, the longest unused first. */
  #idle(): Slot[] {
    return this.#slots.filter((slot) => !slot.inUse).sort((a, b) => a.usedAt - b.usedAt)
  }

  /** New buffers for this many slots of this capacity. Those in use stay, and of the others those used last. */
  async #resize(count: number, capacity: number): Promise<void> {
    const kept = [...this.#slots].sort((a, b) => Number(b.inUse) - Number(a.inUse) || b.usedAt - a.usedAt).slice(0, count)
    // All before anything is moved: a failure leaves the cache as it is. Pages that are not written to take no memory.
    const buffers = this.#layout.tensors.map(({ heads, size }) => this.#allocate(count * heads * capacity * size))
    for (const slot of kept) slot.tokens.length = Math.min(slot.tokens.length, slot.inUse ? Infinity : Math.max(0, capacity - 1))
    const before = this.#capacity
    this.#views.clear()
    await this.#each((buffer, { heads, size }, index) => {
      const target = buffers[index]!
      kept.forEach((slot, place) => {
        for (let head = 0; head < heads; head++) {
          const source = (slot.index * heads + head) * before * size
          target.set(buffer.subarray(source, source + slot.tokens.length * size), (place * heads + head) * capacity * size)
        }
      })
      this.#buffers[index] = target // the old one can go before the next is filled
    })
    kept.forEach((slot, place) => (slot.index = place))
    while (kept.length < count) kept.push({ index: kept.length, tokens: [], read: 0, inUse: false, takes: 0, usedAt: 0 })
    this.#slots = kept
    this.#capacity = capacity
    this.#onResize(this.bytes)
  }

  #allocate(elements: number): Float32Array {
    try {
      return new Float32Array(elements)
    } catch (cause) {
      throw new InvalidInputError({ what: 'the cache', problem: `needs an array of ${elements} numbers, which this machine does not give (${String(cause)})`, remedy: 'pass a smaller contextLength, maxNewTokens or cacheBytes' })
    }
  }

  /** Does something to each tensor's buffer, and lets the event loop turn between. */
  async #each(work: (buffer: Float32Array, tensor: CacheTensor, index: number) => void): Promise<void> {
    for (const [index, each] of this.#layout.tensors.entries()) {
      work(this.#buffers[index]!, each, index)
      await breathe()
    }
  }

  #offset(heads: number, size: number, slot: number, head: number): number {
    return (slot * heads + head) * this.#capacity * size
  }

  #blocks(positions: number): number {
    return Math.min(Math.ceil(positions / BLOCK) * BLOCK, this.#limits.positions)
  }

  #fit(slots: number, capacity: number): boolean {
    return slots * capacity * this.#layout.bytesPerPosition <= this.#limits.bytes
  }
}
