/** mulberry32: the same numbers in [0, 1) for a seed every time. */
export function randomFrom(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

type Random = () => number
const below = (random: Random, limit: number) => Math.floor(random() * limit)
const pick = <T>(random: Random, list: readonly T[]): T => list[below(random, list.length)]!

/** Changes a few bytes: flips, cuts, doubles, inserts or overwrites them. */
export function mutatedBytes(bytes: Uint8Array, random: Random): Uint8Array {
  let result = Buffer.from(bytes)
  for (let times = 1 + below(random, 3); times > 0; times--) {
    const at = below(random, result.length + 1)
    const end = Math.min(result.length, at + 1 + below(random, 16))
    const before = result.subarray(0, at)
    switch (below(random, 5)) {
      case 0:
        if (at < result.length) result[at]! ^= 1 << below(random, 8)
        break
      case 1:
        result = Buffer.concat([before, result.subarray(end)])
        break
      case 2:
        result = Buffer.concat([before, result.subarray(at, end), result.subarray(at)])
        break
      case 3:
        result = Buffer.concat([before, Buffer.from(pick(random, ['"', '{', '[', ',', '\\', '9'.repeat(20), '\u0000', '\u{1F600}', '\ufeff'])), result.subarray(at)])
        break
      default:
        result = Buffer.from(before)
    }
  }
  return result
}

/** What reads badly in the place of something else. */
const values: readonly unknown[] = [null, true, false, 0, 1, -1, 0.5, 1e9, 2 ** 31, 2 ** 32, 2 ** 53, 2 ** 64, 1e300, '', 'a', 'A', 'B', '\u0000', '\ud800', '__proto__', 'constructor', '../x', '/etc/passwd', 'a'.repeat(5000), '(a+)+$', '[', '\\', [], {}, [[]], [{}], [0, 0], [null], ['a', 'b'], Array.from({ length: 300 }, (_, index) => index), { type: 'Sequence' }, { String: '' }, { Regex: '(?:)' }, { a: 1 }]

/** Changes a value somewhere in a JSON document: replaces, removes, copies, renames or nests it. */
export function mutatedJson(document: unknown, random: Random): unknown {
  const copy: unknown = structuredClone(document)
  for (let times = 1 + below(random, 2); times > 0; times--) mutateOne(copy, random)
  return copy
}

type Container = Record<string, unknown> | unknown[]

function mutateOne(document: unknown, random: Random): void {
  const places: { readonly container: Container; readonly key: string }[] = []
  const waiting: unknown[] = [document]
  while (waiting.length > 0) {
    const value = waiting.pop()
    if (typeof value !== 'object' || value === null) continue
    const keys = Object.keys(value)
    // A vocabulary has thousands of entries; its few neighbours are the ones that matter.
    for (const key of keys.length > 40 ? Array.from({ length: 4 }, () => pick(random, keys)) : keys) {
      places.push({ container: value as Container, key })
      waiting.push((value as Record<string, unknown>)[key])
    }
  }
  if (places.length === 0) return
  const { container, key } = pick(random, places)
  const object = container as Record<string, unknown>
  const other = pick(random, places)
  switch (below(random, 8)) {
    case 0:
      if (Array.isArray(container)) container.splice(Number(key), 1)
      else delete object[key]
      break
    case 1:
      object[key] = structuredClone((other.container as Record<string, unknown>)[other.key])
      break
    case 2:
      if (Array.isArray(container)) container.push(structuredClone(object[key]))
      else object[pick(random, ['extra', '', '__proto', 'type', 'a'])] = structuredClone(object[key])
      break
    case 3:
      object[key] = typeof object[key] === 'number' ? -(object[key] as number) - 1 : [object[key]]
      break
    case 4:
      if (typeof object[key] === 'string') object[key] = mutatedBytes(Buffer.from(object[key] as string), random).toString()
      else object[key] = structuredClone(pick(random, values))
      break
    default:
      object[key] = structuredClone(pick(random, values))
  }
}
