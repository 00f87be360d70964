import { Pace } from '../pace.js'
import { createScan, type Scan } from './scan-kernel.js'

/** Rows read between two looks at the event loop: less than a millisecond of work. */
const slice = 8_192
/** What rounding to float32 adds to the margins. */
const slack = 2e-6

/** A query as the kernel takes it: 16 bits a number. */
export interface QuantisedQuery {
  readonly codes: Int16Array
  /** What one unit of a product with it is worth. */
  readonly unit: number
  /** How far it is from the true query, as a length. */
  readonly margin: number
}

const roundUp = (value: number, step: number) => Math.ceil(value / step) * step

export function quantisedQuery(vector: Float32Array): QuantisedQuery {
  let largest = 0
  let total = 0
  for (const value of vector) {
    largest = Math.max(largest, Math.abs(value))
    total += Math.abs(value)
  }
  // No sum of products with bytes may exceed 31 bits.
  const factor = largest === 0 ? 0 : Math.min(32_767 / largest, (2 ** 31 - 1 - 127 * vector.length) / (127 * total))
  const codes = new Int16Array(roundUp(vector.length, 16))
  let squares = 0
  vector.forEach((value, index) => {
    codes[index] = Math.round(value * factor)
    squares += (factor === 0 ? 0 : value - (codes[index] as number) / factor) ** 2
  })
  return { codes, unit: factor === 0 ? 0 : 1 / factor, margin: Math.sqrt(squares) }
}

/** Writes a row as codes; returns what one of them is worth, and how far they are from the row. Plain loops: this is most of what opening a store takes. */
function quantise(vectors: Float32Array, from: number, dimensions: number, codes: Int8Array, into: number): [scale: number, margin: number] {
  let largest = 0
  for (let index = 0; index < dimensions; index++) largest = Math.max(largest, Math.abs(vectors[from + index] as number))
  // Rounded up, so that no code is above 127.
  const scale = Math.fround((largest / 127) * (1 + 1e-6))
  const factor = scale > 0 ? 1 / scale : 0
  let squares = 0
  for (let index = 0; index < dimensions; index++) {
    const value = vectors[from + index] as number
    // Rounds without a branch: signs are as good as random.
    const code = ((value * factor + 128.5) | 0) - 128
    codes[into + index] = code
    const difference = value - code * scale
    squares += difference * difference
  }
  return [scale, Math.sqrt(squares)]
}

/**
 * Unit vectors in 8 bits a number, each with a scale of its own, and how far each is from its true vector. By Cauchy
 * and Schwarz an estimate is off by no more than that: so it tells which few rows need a look at their true vectors, and
 * a search that looks at all of those is exact.
 */
export class QuantisedVectors {
  /** Lengths of the differences to the true vectors. */
  readonly #margins: Float32Array
  readonly #scales: Float32Array
  readonly #scan: Scan
  /** Of a row of codes: the dimensions, and zeros up to a multiple of 16. */
  readonly #width: number
  // One after another in the kernel's memory.
  readonly #query: Int16Array
  readonly #products: Int32Array
  readonly #codes: Int8Array

  private constructor(rows: number, width: number, { memory, scan }: { memory: ArrayBuffer; scan: Scan }) {
    this.#scan = scan
    this.#width = width
    this.#query = new Int16Array(memory, 0, width)
    this.#products = new Int32Array(memory, 2 * width, slice)
    this.#codes = new Int8Array(memory, 2 * width + 4 * slice, rows * width)
    this.#scales = new Float32Array(rows)
    this.#margins = new Float32Array(rows)
  }

  /** `undefined` where the engine has no kernel for it. */
  static async of(vectors: Float32Array, rows: number, dimensions: number, signal: AbortSignal | undefined): Promise<QuantisedVectors | undefined> {
    const width = roundUp(dimensions, 16)
    const kernel = createScan(2 * width + 4 * slice + rows * width)
    if (kernel === undefined) return undefined
    const quantised = new QuantisedVectors(rows, width, kernel)
    const pace = new Pace(signal)
    for (let from = 0; from < rows; from += 256) {
      if (pace.due()) await pace.rest()
      quantised.#fill(vectors, dimensions, from, Math.min(rows, from + 256))
    }
    return quantised
  }

  #fill(vectors: Float32Array, dimensions: number, from: number, to: number): void {
    for (let row = from; row < to; row++) {
      const [scale, margin] = quantise(vectors, row * dimensions, dimensions, this.#codes, row * this.#width)
      this.#scales[row] = scale
      this.#margins[row] = margin
    }
  }

  /** Cosines of the next slice of rows from `from` on, each within the row's margin and the query's; returns where the slice ends. */
  estimate({ codes, unit }: QuantisedQuery, from: number, cosines: Float32Array): number {
    const to = Math.min(this.#scales.length, from + slice)
    this.#query.set(codes)
    const out = this.#products.byteOffset
    this.#scan(this.#codes.byteOffset + from * this.#width, 0, out, out + 4 * (to - from), this.#width)
    for (let row = from; row < to; row++) cosines[row] = (this.#products[row - from] as number) * (this.#scales[row] as number) * unit
    return to
  }

  /** How far an estimate may be from the true cosine with a query of length 1. */
  margin(row: number, query: QuantisedQuery): number {
    const own = this.#margins[row] as number
    return own + query.margin * (1 + own) + slack
  }
}
