/** Options of one call of an embedding runner. */
export interface EmbedOptions {
  readonly signal?: AbortSignal
  /** Called as texts are done, in whatever order. */
  readonly onProgress?: (done: number, total: number) => void
}

/**
 * The embedding task's runner: any task may ask its context for `'embedding'` and get one, whoever wrote it.
 * Each text becomes a vector of `dimensions` numbers, in the order of the texts; views of one matrix, so
 * `vectors[i].buffer` is shared.
 */
export interface Embedder {
  (texts: readonly string[], options?: EmbedOptions): Promise<Float32Array[]>
  (text: string, options?: EmbedOptions): Promise<Float32Array>
  readonly dimensions: number
  /** Tokens read of each text; the rest is cut off. */
  readonly maxLength: number
}
