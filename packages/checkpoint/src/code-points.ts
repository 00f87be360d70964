const surrogatePair = /[\uD800-\uDBFF][\uDC00-\uDFFF]/

/**
 * From an index of code points to an index of UTF-16 units of the same text. A lone surrogate is one code point, as
 * native code reads it (U+FFFD). Indices past the end give the end.
 */
export function codePointIndex(text: string): (index: number) => number {
  if (!surrogatePair.test(text)) return (index) => Math.min(index, text.length)
  const starts: number[] = []
  let unit = 0
  for (const character of text) {
    starts.push(unit)
    unit += character.length
  }
  return (index) => starts[index] ?? text.length
}
