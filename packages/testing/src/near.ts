/** Where two results differ, and how, in words; `undefined` where no number is further off than the tolerance and all else is equal. */
export function apartAt(actual: unknown, expected: unknown, tolerance: number, path = 'the output'): string | undefined {
  if (typeof actual === 'number' && typeof expected === 'number') {
    return Object.is(actual, expected) || Math.abs(actual - expected) <= tolerance ? undefined : `${path} is ${actual} and not ${expected}`
  }
  if (!isObject(actual) || !isObject(expected)) return Object.is(actual, expected) ? undefined : `${path} is ${shown(actual)} and not ${shown(expected)}`
  const [got, wanted] = [entriesOf(actual), entriesOf(expected)]
  const names = (entries: Map<string, unknown>) => [...entries.keys()].toSorted()
  if (Array.isArray(expected) || ArrayBuffer.isView(expected)) {
    if (got.size !== wanted.size) return `${path} has ${got.size} members and not ${wanted.size}`
  } else if (names(got).join() !== names(wanted).join()) return `${path} has the fields ${names(got).join(', ') || 'none'} and not ${names(wanted).join(', ') || 'none'}`
  for (const [name, value] of wanted) {
    const found = apartAt(got.get(name), value, tolerance, /^\d+$/.test(name) ? `${path}[${name}]` : `${path}.${name}`)
    if (found !== undefined) return found
  }
  return undefined
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

/** Fields that hold nothing are not there. */
const entriesOf = (value: object): Map<string, unknown> => new Map(Object.entries(value).filter(([, each]) => each !== undefined))

const shown = (value: unknown): string => (isObject(value) ? (Array.isArray(value) ? 'a list' : 'an object') : typeof value === 'string' ? `'${value}'` : String(value))
