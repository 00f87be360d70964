import { endianness } from 'node:os'
import { crc32 } from 'node:zlib'
import { InvalidFileError, NewerStoreError, type Metadata } from '@tenon/core'
import { Pace } from '../pace.js'
import { damaged, type SegmentInfo } from './segment-file.js'

const format = 'tenon-knowledge-base'
const version = 1

/** Everything but the passages: a few lines of JSON that say which segments there are, and which rows are whose. */
export interface Manifest {
  readonly generation: number
  readonly dimensions: number
  readonly sample: Float32Array
  readonly nextId: number
  readonly segments: readonly SegmentInfo[]
  readonly documents: readonly ManifestDocument[]
}

/** Rows `[from, to)` of a segment; a document without passages has segment -1. */
export type ManifestDocument = readonly [key: string, source: string, revision: string, segment: number, from: number, to: number, metadata: Metadata]

/** A line for the store, one for each document, and one with the checksum of all lines before it. */
export async function writeManifest({ generation, dimensions, sample, nextId, segments, documents }: Manifest, signal: AbortSignal | undefined): Promise<Buffer> {
  const pace = new Pace(signal)
  const header = { format, version, generation, byteOrder: endianness(), dimensions, sample: Buffer.from(sample.buffer, sample.byteOffset, sample.byteLength).toString('base64'), nextId, segments }
  const lines = [JSON.stringify(header)]
  for (const document of documents) {
    if (lines.length % 64 === 0 && pace.due()) await pace.rest()
    lines.push(JSON.stringify(document))
  }
  const body = Buffer.from(`${lines.join('\n')}\n`)
  return Buffer.concat([body, Buffer.from(`${crc32(body)}\n`)])
}

/** @throws NewerStoreError, InvalidFileError */
export async function readManifest(path: string, bytes: Buffer, signal: AbortSignal | undefined): Promise<Manifest> {
  const invalid = (problem: string) => new InvalidFileError({ path, problem, remedy: damaged })
  const firstEnd = bytes.indexOf('\n')
  const header = parsed(bytes.toString('utf8', 0, firstEnd))
  if (header?.format !== format || typeof header.version !== 'number') throw invalid('does not begin as a manifest does')
  // Before all else: a later format may have no such checksum.
  if (header.version > version) throw new NewerStoreError({ store: path, found: header.version, supported: version, by: '@tenon/task-qa' })
  const bodyEnd = bytes.lastIndexOf('\n', bytes.length - 2) + 1
  if (bytes.toString('utf8', bodyEnd) !== `${crc32(bytes.subarray(0, bodyEnd))}\n`) throw invalid('does not have the checksum it was written with')
  if (header.byteOrder !== endianness()) throw new InvalidFileError({ path, problem: 'was written by a processor of the other byte order', remedy: 'Add the documents to a new store on this machine' })
  const pace = new Pace(signal)
  const documents: ManifestDocument[] = []
  for (let from = firstEnd + 1; from < bodyEnd; ) {
    if (documents.length % 64 === 0 && pace.due()) await pace.rest()
    const to = bytes.indexOf('\n', from)
    documents.push(JSON.parse(bytes.toString('utf8', from, to)) as ManifestDocument)
    from = to + 1
  }
  const { generation, dimensions, sample, nextId, segments } = header as unknown as Manifest & { readonly sample: unknown }
  const values = Buffer.from(sample as unknown as string, 'base64')
  return { generation, dimensions, sample: new Float32Array(values.buffer.slice(values.byteOffset, values.byteOffset + values.byteLength)), nextId, segments, documents }
}

function parsed(line: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(line) as Record<string, unknown>
  } catch {
    return undefined
  }
}
