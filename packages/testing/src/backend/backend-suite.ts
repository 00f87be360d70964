import type { Backend } from '@tenon/core'
import type { ToleranceTable } from '../tolerance.js'

export interface BackendSuite {
  /** A fresh backend: called once when the tests are declared, so it may not wait. The suite disposes of it. */
  create(): Backend<string, object>
  /** What `compile` is passed, in the backend's own options: `{ device: 'cuda' }`. Default: none. */
  readonly options?: object
  /** The devices that its probe must tell of, available or not. */
  readonly devices?: readonly string[]
  /** A backend whose library or device is not there: its probe must say so, and what to do. */
  missing?(): Backend<string, object>
  /** How far numbers may be from the specification's, by type, where that is not as usual. */
  readonly tolerance?: ToleranceTable
  /** Why it does not run some of ONNX's test vectors, by the op or the vector's name: these are skipped, and the reason is said. */
  readonly unsupported?: Readonly<Record<string, string>>
  /** Runs only the test vectors of these ops; of none for `[]`. Default: of all that @tenon/graph knows. */
  readonly ops?: readonly string[]
}
