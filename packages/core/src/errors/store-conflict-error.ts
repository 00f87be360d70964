import { TenonError } from './tenon-error.js'

/** Another process wrote to the store since it was opened. Nothing of either is lost, and nothing was written. */
export class StoreConflictError extends TenonError {
  readonly store: string

  constructor({ store }: { store: string }) {
    super({
      code: 'TENON_STORE_CHANGED',
      message: `The store ${store} was changed by another process since it was opened`,
      remedy: 'Open it again and repeat: documents that are there already are not embedded twice',
    })
    this.store = store
  }
}
