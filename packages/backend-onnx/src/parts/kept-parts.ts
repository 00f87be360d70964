import { createHash } from 'node:crypto'
import { derivedOf, type Graph } from '@tenon/core'

import type { Part } from '../binding.js'
import { revision } from '../revision.js'

/** What a graph was prepared as. */
export interface Prepared {
  readonly parts: readonly Part[]
  /** Whether weights are run from where they lie, and packed ones would give the same to the bit: whole numbers. */
  readonly packsLater: boolean
}

interface Written {
  readonly packsLater: boolean
  readonly parts: readonly WrittenPart[]
}

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
  read(): Prepared | undefined
  /** Keeps it, if the next process would make the same. */
  write(prepared: Prepared): void
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
        const prepared = bytes && decode(bytes)
        return prepared?.parts.length === 0 ? undefined : prepared
      } catch {
        return undefined // they are made again
      }
    },
    write(prepared) {
      if (prepared.parts.every(({ model }) => model.isLasting)) void store.write(name, encode(prepared))
    },
  }
}

function encode({ parts, packsLater }: Prepared): Uint8Array {
  const written: Written = { packsLater, parts: parts.map(({ inputs, outputs, model: { folder, weightBytes, bytes } }) => ({ inputs, outputs, folder, weightBytes, length: bytes.byteLength })) }
  return Buffer.concat([Buffer.from(`${JSON.stringify(written)}\n`), ...parts.map(({ model }) => model.bytes)])
}

function decode(bytes: Uint8Array): Prepared {
  let end = bytes.indexOf(NEWLINE)
  const written = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end))) as Written
  end++
  const parts = written.parts.map(({ inputs, outputs, folder, weightBytes, length }) => {
    const model = { bytes: bytes.subarray(end, end + length), folder, weightBytes, isLasting: true, release: async () => undefined }
    end += length
    return { inputs, outputs, model }
  })
  return { parts, packsLater: written.packsLater }
}
