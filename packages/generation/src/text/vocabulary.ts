import type { Tokenizer } from '@tenon/core'
import { spellingOf } from './spelling.js'

/** What the tokens of a tokenizer say, as bytes. */
export interface Vocabulary {
  /** Ids lie below it. */
  readonly size: number
  /** What a token says in the middle of a text; nothing for special tokens and for ids that are none. A view: not to be written. */
  bytes(id: number): Uint8Array
  /** Whether decoders leave the token out where special tokens are skipped. */
  special(id: number): boolean
  /** The ids of the tokens that begin with these bytes, in the order of their bytes. */
  beginningWith(bytes: Uint8Array): Int32Array
  /** The ids of the tokens that say something, in the order of their bytes. */
  readonly sorted: Int32Array
}

const vocabularies = new WeakMap<Tokenizer, Vocabulary>()
const specials = new WeakMap<Tokenizer, ReadonlySet<number>>()

/** The ids of a tokenizer's special tokens. */
export function specialIds(tokenizer: Tokenizer): ReadonlySet<number> {
  let ids = specials.get(tokenizer)
  if (ids === undefined) specials.set(tokenizer, (ids = new Set(tokenizer.addedTokens.filter(({ special }) => special).map(({ id }) => id))))
  return ids
}

/** The vocabulary of a tokenizer, spelled once: some 0.2 s for 150,000 tokens, unless that is kept from an earlier process. */
export function vocabularyOf(tokenizer: Tokenizer): Vocabulary {
  let vocabulary = vocabularies.get(tokenizer)
  if (vocabulary === undefined) vocabularies.set(tokenizer, (vocabulary = spell(tokenizer)))
  return vocabulary
}

const spellings = new WeakMap<Tokenizer, Promise<Vocabulary>>()

/** The same, spelled in portions of a few milliseconds, between which the event loop turns: for what is opened and will want it. */
export function spellVocabulary(tokenizer: Tokenizer): Promise<Vocabulary> {
  const spelling = spellings.get(tokenizer) ?? inPortions(tokenizer)
  spellings.set(tokenizer, spelling)
  return spelling
}

async function inPortions(tokenizer: Tokenizer): Promise<Vocabulary> {
  const work = spelled(tokenizer)
  for (let step = work.next(); ; step = work.next()) {
    const known = vocabularies.get(tokenizer) // somebody could not wait
    if (known !== undefined) return known
    if (step.done === true) {
      vocabularies.set(tokenizer, step.value)
      return step.value
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
}

function spell(tokenizer: Tokenizer): Vocabulary {
  const work = spelled(tokenizer)
  for (;;) {
    const step = work.next()
    if (step.done === true) return step.value
  }
}

/** Tokens that are spelled, or compared, in a portion. */
const PORTION = 4096

const NOTHING = new Uint8Array()

function grown(bytes: Uint8Array, least: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(Math.max(least, 2 * bytes.length))
  larger.set(bytes)
  return larger
}

/** What all tokens say, one behind the other. */
interface Spelled {
  readonly all: Uint8Array
  /** Where in it each begins, and behind the last one where it ends. */
  readonly starts: Uint32Array
  readonly sorted: Int32Array
}

function* spelled(tokenizer: Tokenizer): Generator<void, Vocabulary> {
  const size = tokenizer.addedTokens.reduce((most, { id }) => Math.max(most, id + 1), tokenizer.vocabularySize)
  const kept = readSpelled(tokenizer, size)
  if (kept !== undefined) return vocabularyFrom(kept, specialIds(tokenizer))
  const made = yield* spellEach(tokenizer, size)
  void tokenizer.derived?.write(KEPT_AS, packed(made))
  return vocabularyFrom(made, specialIds(tokenizer))
}

function* spellEach(tokenizer: Tokenizer, size: number): Generator<void, Spelled> {
  const special = specialIds(tokenizer)
  const { bytes: bytesOf } = spellingOf(tokenizer)
  const starts = new Uint32Array(size + 1)
  let all = new Uint8Array(8 * size)
  for (let id = 0, end = 0; id < size; id++) {
    const token = special.has(id) ? undefined : tokenizer.tokenOf(id)
    const said = token === undefined ? NOTHING : bytesOf(token)
    if (end + said.length > all.length) all = grown(all, end + said.length)
    all.set(said, end)
    starts[id + 1] = end += said.length
    if (id % PORTION === PORTION - 1) yield
  }
  return { all: all.subarray(0, starts[size]), starts, sorted: yield* sortedByBytes(all, starts) }
}

function vocabularyFrom({ all, starts, sorted }: Spelled, special: ReadonlySet<number>): Vocabulary {
  const bytes = (id: number) => all.subarray(starts[id] ?? 0, starts[id + 1] ?? 0)

  function firstAtLeast(key: Uint8Array): number {
    let low = 0
    let high = sorted.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (Buffer.compare(bytes(sorted[middle]!), key) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  return {
    size: starts.length - 1,
    bytes,
    special: (id) => special.has(id),
    sorted,
    beginningWith(prefix) {
      const first = firstAtLeast(prefix)
      let end = first
      while (end < sorted.length && startsWith(bytes(sorted[end]!), prefix)) end++
      return sorted.slice(first, end)
    },
  }
}

/** Counted up when tokens are spelled otherwise, or the form of what is kept changes: how many say something, `starts`, `sorted` and `all`. */
const KEPT_AS = 'spelling-1'

function packed({ all, starts, sorted }: Spelled): Uint8Array {
  const numbers = new Uint32Array(1 + starts.length + sorted.length)
  numbers[0] = sorted.length
  numbers.set(starts, 1)
  numbers.set(sorted, 1 + starts.length)
  return Buffer.concat([new Uint8Array(numbers.buffer), all])
}

/** What was kept of a vocabulary of that size. */
function readSpelled(tokenizer: Tokenizer, size: number): Spelled | undefined {
  const bytes = tokenizer.derived?.read(KEPT_AS)?.slice()
  const count = bytes && bytes.length >= 4 ? new Uint32Array(bytes.buffer, 0, 1)[0]! : Infinity
  const end = 4 * (2 + size + count)
  if (bytes === undefined || bytes.length < end) return undefined
  const starts = new Uint32Array(bytes.buffer, 4, size + 1)
  const all = bytes.subarray(end)
  return starts[size] === all.length ? { all, starts, sorted: new Int32Array(bytes.buffer, 4 * (2 + size), count) } : undefined
}

/** As many are sooner compared with each other than put into buckets. */
const FEW = 24

/**
 * The ids of all that is not empty, in the order of its bytes; lower ids first among equals. Sorted byte by byte from the first one on,
 * which looks at each byte about once.
 */
function* sortedByBytes(all: Uint8Array, starts: Uint32Array): Generator<void, Int32Array> {
  const size = starts.length - 1
  const sorted = Int32Array.from({ length: size }, (_, id) => id).filter((id) => starts[id + 1]! > starts[id]!)
  const spare = new Int32Array(sorted.length)
  function compare(a: number, b: number, from: number): number {
    for (let depth = from; ; depth++) {
      const [one, other] = [bucket(a, depth), bucket(b, depth)]
      if (one !== other) return one - other
      if (one === 0) return a - b
    }
  }
  // Bucket 0 is for those that are at their end.
  const bucket = (id: number, depth: number) => (starts[id]! + depth < starts[id + 1]! ? all[starts[id]! + depth]! + 1 : 0)
  const places = new Int32Array(258)
  const firsts = new Int32Array(258)
  const open = [0, sorted.length, 0] // start, end and depth of each range that is not in order yet
  let done = 0
  while (open.length > 0) {
    const [depth, end, start] = [open.pop()!, open.pop()!, open.pop()!]
    done += end - start
    if (done > PORTION) {
      done = 0
      yield
    }
    if (end - start <= FEW) {
      for (let index = start + 1; index < end; index++) {
        const id = sorted[index]!
        let place = index
        for (; place > start && compare(sorted[place - 1]!, id, depth) > 0; place--) sorted[place] = sorted[place - 1]!
        sorted[place] = id
      }
      continue
    }
    places.fill(0)
    for (let index = start; index < end; index++) places[bucket(sorted[index]!, depth) + 1]!++
    for (let value = 0; value < 257; value++) places[value + 1]! += places[value]!
    firsts.set(places)
    for (let index = start; index < end; index++) spare[start + places[bucket(sorted[index]!, depth)]!++] = sorted[index]!
    sorted.set(spare.subarray(start, end), start)
    for (let value = 1; value < 257; value++) {
      if (firsts[value + 1]! - firsts[value]! > 1) open.push(start + firsts[value]!, start + firsts[value + 1]!, depth + 1)
    }
  }
  return sorted
}

const startsWith = (bytes: Uint8Array, prefix: Uint8Array) => bytes.length >= prefix.length && prefix.every((byte, index) => bytes[index] === byte)
