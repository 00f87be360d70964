import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { bundled, startNode } from './test-process.js'
import { fixture, safetensorsBytes, temporaryFolder } from './test-support.js'

const full = process.env['TENON_SOAK'] === '1'
const rounds = full ? 1000 : 150

/** Bytes that the allocator may keep, and that an opening may leave behind. A tokenizer of the fixture's size takes 190 KB. */
const limit = 12 * 2 ** 20 + 40_000 * rounds

let script: string
beforeAll(async () => {
  script = await bundled(new URL('test-soak-process.ts', import.meta.url), await mkdtemp(join(import.meta.dirname, '../node_modules/.bundle-')))
})
afterAll(() => rm(dirname(script), { recursive: true }))

it(`holds no more memory after ${rounds} openings with a tokenizer than after the first few`, { timeout: 300_000 }, async () => {
  const folder = await temporaryFolder()
  await writeFile(join(folder, 'config.json'), '{"model_type":"bert"}')
  await writeFile(join(folder, 'model.safetensors'), safetensorsBytes({ w: { dtype: 'F32', shape: [25_000], data_offsets: [0, 100_000] } }, new Uint8Array(100_000)))
  for (const file of ['tokenizer.json', 'tokenizer_config.json']) await copyFile(fixture(`tiny-bert-tokenizer/${file}`), join(folder, file))

  const memory = JSON.parse(await startNode(['--expose-gc'], script, { FOLDER: folder, ROUNDS: String(rounds) }).output) as number[]
  if (full) process.stdout.write(`memory in MB: ${memory.map((bytes) => Math.round(bytes / 2 ** 20)).join(', ')}\n`)
  // The first openings fill pools and caches.
  const [early = 0, late = Infinity] = [Math.max(...memory.slice(2, 5)), Math.min(...memory.slice(-3))]
  expect(late - early, `memory: ${memory.join(', ')}`).toBeLessThan(limit)
})
