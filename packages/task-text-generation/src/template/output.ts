import type { Budget } from './budget.js'

/** What has been written so far. */
export class Output {
  text = ''
  readonly #budget: Budget

  constructor(budget: Budget) {
    this.#budget = budget
  }

  add(text: string): void {
    this.#budget.joined(this.text.length, text.length)
    this.text += text
  }
}
