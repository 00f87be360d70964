/** The `limit` best of many, best first; of equals those that were offered first. */
export class Best {
  readonly ids: Float64Array
  readonly scores: Float64Array
  size = 0

  constructor(limit: number) {
    this.ids = new Float64Array(limit)
    this.scores = new Float64Array(limit)
  }

  /** What a score must exceed to be among them. */
  get least(): number {
    return this.size < this.scores.length ? -Infinity : this.scores.length === 0 ? Infinity : (this.scores[this.size - 1] as number)
  }

  offer(id: number, score: number): void {
    if (!(score > this.least)) return
    let low = 0
    let high = this.size
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.scores[middle] as number) >= score) low = middle + 1
      else high = middle
    }
    if (this.size < this.scores.length) this.size++
    this.scores.copyWithin(low + 1, low, this.size - 1)
    this.ids.copyWithin(low + 1, low, this.size - 1)
    this.scores[low] = score
    this.ids[low] = id
  }
}
