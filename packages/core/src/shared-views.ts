import type { Executable } from './backend.js'
import { DisposedError } from './errors/disposed-error.js'
import type { Lease } from './shared.js'
import type { Checkpoint } from './source.js'

/** A checkpoint that others may hold too: its disposal is its holder's, and ends what this holder may ask of it. */
export function checkpointView({ value, release }: Lease<Checkpoint>): Checkpoint {
  const { alive, dispose } = lifetime(`checkpoint ${value.reference}`, release)
  return {
    reference: value.reference,
    config: value.config,
    constants: value.constants,
    graph: value.graph,
    files: value.files,
    path: async (file) => alive(value).path(file),
    json: async (file) => alive(value).json(file),
    tokenizer: async () => alive(value).tokenizer(),
    [Symbol.asyncDispose]: dispose,
  }
}

/** As `checkpointView`, of an executable. */
export function executableView({ value, release }: Lease<Executable>): Executable {
  const { alive, dispose } = lifetime('executable', release)
  return {
    inputs: value.inputs,
    outputs: value.outputs,
    run: async (feeds, options) => alive(value).run(feeds, options),
    place: async (tensor) => alive(value).place(tensor),
    [Symbol.asyncDispose]: dispose,
  }
}

function lifetime(what: string, release: () => Promise<void>) {
  let disposed = false
  return {
    alive<T>(value: T): T {
      if (disposed) throw new DisposedError({ what })
      return value
    },
    dispose(): Promise<void> {
      disposed = true
      return release()
    },
  }
}
