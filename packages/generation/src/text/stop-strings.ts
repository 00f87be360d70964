/** A stop string, and where its end lies in the text that was scanned. */
export interface Stop {
  readonly stop: string
  readonly end: number
}

/**
 * Looks for strings in a text that comes in pieces (Knuth, Morris and Pratt): the time for a piece depends on its length and the
 * number of strings alone. What ends first counts, however the text was cut; of strings that end together the longest.
 */
export class StopStrings {
  readonly #stops: readonly string[]
  /** For each length of what matches, the longest shorter one that matches too. */
  readonly #fallbacks: readonly Uint32Array[]
  /** How many units of each string the text ends with. */
  #matched: Uint32Array

  constructor(stops: readonly string[]) {
    this.#stops = stops.toSorted((a, b) => b.length - a.length)
    this.#fallbacks = this.#stops.map(fallbacks)
    this.#matched = new Uint32Array(stops.length)
  }

  /** Goes on through a piece of text, to the end of the first stop string in it. */
  scan(piece: string): Stop | undefined {
    for (let place = 0; place < piece.length; place++) {
      let found: string | undefined
      for (let index = 0; index < this.#stops.length; index++) {
        const stop = this.#stops[index]!
        let length = this.#matched[index]!
        while (length > 0 && stop[length] !== piece[place]) length = this.#fallbacks[index]![length]!
        if (stop[length] === piece[place]) length++
        this.#matched[index] = length
        if (length === stop.length) found ??= stop
      }
      if (found !== undefined) return { stop: found, end: place + 1 }
    }
    return undefined
  }

  /** What `scan` would find, without going on. */
  peek(piece: string): Stop | undefined {
    const matched = this.#matched.slice()
    const found = this.scan(piece)
    this.#matched = matched
    return found
  }

  /** How many units at the end of the text might be the beginning of a stop string. */
  get held(): number {
    return this.#matched.reduce((most, length) => Math.max(most, length), 0)
  }
}

function fallbacks(text: string): Uint32Array {
  const table = new Uint32Array(text.length + 1)
  for (let length = 1, shorter = 0; length < text.length; length++) {
    while (shorter > 0 && text[length] !== text[shorter]) shorter = table[shorter]!
    if (text[length] === text[shorter]) shorter++
    table[length + 1] = shorter
  }
  return table
}
