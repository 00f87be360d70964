import { createWriteStream } from 'node:fs'
import { mkdir, readFile, rename, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { random } from '../statistics.mjs'

/** How far a vector is from the middle of its cluster, beside the length of that: cosines within a cluster are about 0.6, as those of passages on one subject. */
const SPREAD = 0.8
const CLUSTERS = 1_000

/** Nearly normal: the sum of six evenly distributed numbers. */
const normal = (next) => () => (next() + next() + next() + next() + next() + next() - 3) * Math.SQRT2

/**
 * A file of unit vectors around 1,000 middles, rows first and queries after them, float32. The same each time; made once.
 * @returns its path
 */
export async function vectorFile({ rows, queries, dimensions }) {
  const path = fileURLToPath(new URL(`../../node_modules/.cache/tenon-bench/retrieval-${rows}-${queries}-${dimensions}.f32`, import.meta.url))
  if (await stat(path).catch(() => undefined)) return path
  await mkdir(dirname(path), { recursive: true })
  const next = random(20)
  const draw = normal(next)
  const middles = Array.from({ length: CLUSTERS }, () => Float32Array.from({ length: dimensions }, draw))
  const out = createWriteStream(`${path}.partial`)
  for (let row = 0; row < rows + queries; row++) {
    const vector = middles[Math.floor(next() * CLUSTERS)].map((value) => value + SPREAD * draw())
    const norm = Math.hypot(...vector)
    if (!out.write(Buffer.from(vector.map((value) => value / norm).buffer))) await new Promise((resolve) => out.once('drain', resolve))
  }
  await new Promise((resolve, reject) => out.on('error', reject).end(resolve))
  await rename(`${path}.partial`, path)
  return path
}

/** Views of the rows of such a file. */
export async function readVectors(path, dimensions) {
  const { buffer } = Uint8Array.from(await readFile(path)) // a copy, which begins where numbers may
  return Array.from({ length: buffer.byteLength / 4 / dimensions }, (_, row) => new Float32Array(buffer, row * 4 * dimensions, dimensions))
}
