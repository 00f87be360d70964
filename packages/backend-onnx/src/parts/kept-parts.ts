import { createHash } from 'node:crypto'
import { derivedOf, type Graph } from '@tenon/core'

import type { Part } from '../binding.js'
import { revision } from '../revision.js'

interface WrittenPart {
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly folder: string | undefined
  readonly weightBytes: number
  /** Of the model, behind this line. */
  readonly length: number
}

const NEWLINE = 10

/** Where what a graph was prepared as is kept for the next process. */
export interface KeptParts {
  /** What was kept, if it is there and can be read. */
  read(): readonly Part[] | undefined
  /** Keeps it, if the next process would make the same. */
  write(parts: readonly Part[]): void
}

/**
 * A graph that says where what is made of it may be kept is lowered, divided and written down once.
 * @param how All that the parts depend on beside the graph.
 */
export function keptParts(graph: Graph, how: readonly unknown[]): KeptParts | undefined {
  const store = derivedOf(graph)
  const by = revision()
  if (store === undefined || by === undefined) return undefined
  const name = `onnx-${createHash('sha256').update(JSON.stringify([by, how])).digest('hex').slice(0, 16)}`
  return {
    read() {
      const bytes = store.read(name)
      try {
        const parts = bytes && decode(bytes)
        return parts?.length === 0 ? undefined : parts
      } catch {
        return undefined // they are made again
      }
    },
    write(parts) {
      if (parts.every(({ model }) => model.isLasting)) void store.write(name, encode(parts))
    },
  }
}

function encode(parts: readonly Part[]): Uint8Array {
  const written = parts.map(({ inputs, outputs, model: { folder, weightBytes, bytes } }): WrittenPart => ({ inputs, outputs, folder, weightBytes, length: bytes.byteLength }))
  return Buffer.concat([Buffer.from(`${JSON.stringify(written)}\n`), ...parts.map(({ model }) => model.bytes)])
}

function decode(bytes: Uint8Array): readonly Part[] {
  let end = bytes.indexOf(NEWLINE)
  const written = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end))) as readonly WrittenPart[]
  end++
  return written.map(({ inputs, outputs, folder, weightBytes, length }) => {
    const model = { bytes: bytes.subarray(end, end + length), folder, weightBytes, isLasting: true, release: async () => undefined }
    end += length
    return { inputs, outputs, model }
  })
}
