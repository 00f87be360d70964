/** The headings above the place that is being read, outermost first. */
export class HeadingPath {
  readonly #path: { readonly depth: number; readonly text: string }[] = []

  get texts(): string[] {
    return this.#path.map(({ text }) => text)
  }

  /** A heading ends all that are as deep or deeper. An empty one only ends them. */
  enter(depth: number, text: string): void {
    while (this.#path.length > 0 && (this.#path.at(-1)?.depth ?? 0) >= depth) this.#path.pop()
    if (text !== '') this.#path.push({ depth, text })
  }
}
