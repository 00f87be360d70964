/** What a value is, in an error's words, where it is not what was asked for: `'number'`, `'null'`, `'an array of 2'`. */
export const kindOf = (value: unknown): string => (value === null ? 'null' : Array.isArray(value) ? `an array of ${value.length}` : typeof value)

/** What it is, or the name or the number itself. */
export const spelled = (value: unknown): string => (typeof value === 'string' ? `'${value}'` : typeof value === 'number' ? String(value) : kindOf(value))
