type Free = () => void | PromiseLike<void>

/** What one task holds, freed together, last first. Node 20 has no AsyncDisposableStack. */
export class Scope {
  #frees: Free[] = []
  #disposal: Promise<void> | undefined

  /** What is registered after the disposal is freed at once. */
  defer(free: Free): void {
    this.#frees.push(free)
    if (this.#disposal !== undefined) this.#disposal = this.#disposal.finally(() => this.#freeAll())
  }

  /** Frees everything, whatever fails on the way; the first failure is thrown at the end. Later calls wait for the first. */
  dispose(): Promise<void> {
    this.#disposal ??= this.#freeAll()
    return this.#disposal
  }

  async #freeAll(): Promise<void> {
    const failures: unknown[] = []
    for (const free of this.#frees.splice(0).reverse()) {
      try {
        await free()
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }
}
