import { TenonError } from './tenon-error.js'

/** A store was written by a later release, in a format that this one does not know. It is left as it is. */
export class NewerStoreError extends TenonError {
  readonly found: number
  readonly supported: number

  constructor({ store, found, supported, by }: { store: string; found: number; supported: number; by: string }) {
    super({
      code: 'TENON_NEWER_STORE',
      message: `The store ${store} has format ${found}, and this release of ${by} reads formats up to ${supported}`,
      remedy: `Update ${by}, or use another store`,
    })
    this.found = found
    this.supported = supported
  }
}
