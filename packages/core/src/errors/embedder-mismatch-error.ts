import { TenonError } from './tenon-error.js'

/** A store holds vectors of another embedding model: comparing them with this one's would find anything but what is asked. */
export class EmbedderMismatchError extends TenonError {
  readonly store: string

  constructor({ store, problem }: { store: string; problem: string }) {
    super({
      code: 'TENON_EMBEDDER_MISMATCH',
      message: `The store ${store} was made with another embedding model: ${problem}`,
      remedy: 'Use the model it was made with, or add the documents to a new store',
    })
    this.store = store
  }
}
