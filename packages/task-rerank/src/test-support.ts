import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openFolder, writeSafetensors } from '@tenon/checkpoint'
import { onTestFinished } from 'vitest'

/** How far scores may be from the reference's. */
export const tolerance = 1e-5

export const fixture = (path: string): string => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url))

export const readJson = async <T>(path: string): Promise<T> => JSON.parse(await readFile(fixture(path), 'utf8')) as T

/** A whole model folder, removed when the test ends. Files are laid over it; config.json is merged with the folder's own. */
export async function modelFolder(files: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'tenon-rerank-'))
  onTestFinished(() => rm(path, { recursive: true, force: true }))
  await cp(fixture('model'), path, { recursive: true })
  for (const [name, content] of Object.entries(files)) {
    const file = join(path, name)
    const own = name === 'config.json' ? (JSON.parse(await readFile(file, 'utf8')) as object) : undefined
    await writeFile(file, typeof content === 'string' ? content : JSON.stringify(own === undefined ? content : { ...own, ...(content as object) }))
  }
  return path
}

/** The largest difference of any score. */
export const apart = (actual: readonly number[], expected: readonly number[]): number =>
  actual.length === expected.length ? Math.max(...actual.map((score, index) => (Number.isFinite(score) ? Math.abs(score - expected[index]!) : Infinity))) : Infinity

/** The folder's weights without those whose names begin so. */
export async function withoutWeights(folder: string, prefix: string): Promise<string> {
  await using checkpoint = await openFolder(folder)
  const kept = [...checkpoint.constants].filter(([name]) => !name.startsWith(prefix))
  const without = await modelFolder()
  await writeSafetensors(join(without, 'model.safetensors'), kept)
  return without
}
