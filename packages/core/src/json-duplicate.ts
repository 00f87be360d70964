/** The tokens that matter for finding keys: strings, and what opens, closes and separates. */
const token = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:,]/g

/** An object that is being read: its keys, and the one whose value is being read. */
interface Open {
  readonly keys: Set<string> | undefined // undefined for an array
  at: string | number
}

/**
 * The place of the first key that an object of this JSON text holds twice, `['roles', 'embedding']`. `JSON.parse` keeps the
 * last and says nothing. The text must have passed `JSON.parse`.
 */
export function jsonDuplicate(json: string): readonly (string | number)[] | undefined {
  const open: Open[] = []
  let literal = ''
  for (const [text] of json.matchAll(token)) {
    const inner = open.at(-1)
    if (text === '{') open.push({ keys: new Set(), at: '' })
    else if (text === '[') open.push({ keys: undefined, at: 0 })
    else if (text === '}' || text === ']') open.pop()
    else if (text === ',') {
      if (typeof inner?.at === 'number') inner.at++
    } else if (text === ':' && inner?.keys !== undefined) {
      inner.at = JSON.parse(literal) as string // unescaped: "a" and "\u0061" are one key
      if (inner.keys.has(inner.at)) return open.map(({ at }) => at)
      inner.keys.add(inner.at)
    } else literal = text
  }
  return undefined
}
