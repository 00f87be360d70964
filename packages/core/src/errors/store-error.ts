import { TenonError } from './tenon-error.js'

/** What lies beneath a store failed: the disk is full, the database is gone. What was committed before is not touched. */
export class StoreError extends TenonError {
  readonly store: string

  constructor({ store, doing, problem, remedy, cause }: { store: string; doing: string; problem: string; remedy: string; cause?: unknown }) {
    super({ code: 'TENON_STORE_FAILED', message: `The store ${store} failed while ${doing}: ${problem}`, remedy, cause })
    this.store = store
  }
}
