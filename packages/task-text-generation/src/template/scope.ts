import type { Value } from './values.js'

/** Names and what they stand for; those of the scopes around can be seen. */
export class Scope {
  readonly #names = new Map<string, Value>()
  readonly #around: Scope | undefined

  constructor(around?: Scope) {
    this.#around = around
  }

  get(name: string): Value | undefined {
    const value = this.#names.get(name)
    return value === undefined ? this.#around?.get(name) : value
  }

  set(name: string, value: Value): void {
    this.#names.set(name, value)
  }
}
