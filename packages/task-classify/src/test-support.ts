import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openFolder, writeSafetensors } from '@tenon/checkpoint'
import { onTestFinished } from 'vitest'
import type { Classification } from './classification.js'

/** How far scores may be from the reference's. */
export const tolerance = 1e-5

export const fixture = (path: string): string => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url))

export const readJson = async <T>(path: string): Promise<T> => JSON.parse(await readFile(fixture(path), 'utf8')) as T

type Json = Readonly<Record<string, unknown>>

/** A whole model folder, removed when the test ends, whose config.json has these changes; `undefined` takes a setting away. */
export async function modelFolder(name: string, config: Json = {}): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'tenon-classify-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  await cp(fixture('three-labels'), path, { recursive: true })
  await cp(fixture(name), path, { recursive: true })
  const written = JSON.parse(await readFile(join(path, 'config.json'), 'utf8')) as Json
  await writeFile(join(path, 'config.json'), JSON.stringify({ ...written, ...config }))
  return path
}

/** The labels, and the largest difference of any score. */
export function compared(actual: readonly (readonly Classification[])[], expected: readonly Readonly<Record<string, number>>[]) {
  const worst = actual.flatMap((list, index) => list.map(({ label, score }) => Math.abs(score - expected[index]![label]!)))
  return { labels: actual.map((list) => list.map(({ label }) => label)), worst: Math.max(...worst.map((difference) => (Number.isFinite(difference) ? difference : Infinity))) }
}

export const labelsOf = (expected: readonly Readonly<Record<string, number>>[]): string[][] => expected.map((scores) => Object.keys(scores))

/** The folder's weights without those whose names begin so. */
export async function withoutWeights(folder: string, prefix: string): Promise<string> {
  await using checkpoint = await openFolder(folder)
  const kept = [...checkpoint.constants].filter(([name]) => !name.startsWith(prefix))
  const without = await modelFolder('three-labels')
  await writeSafetensors(join(without, 'model.safetensors'), kept)
  return without
}
